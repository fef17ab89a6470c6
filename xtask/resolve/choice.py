"""Which modules are in the product: asked for, needed by those, or brought in by what is there."""

from __future__ import annotations

import heapq
from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from xtask.diagnostics import did_you_mean
from xtask.manifest.table import shortened
from xtask.resolve.graph import closure

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xtask.diagnostics import Place, Problems
    from xtask.manifest.composition import Composition
    from xtask.manifest.module import Module
    from xtask.resolve.graph import Edges


class Choice(NamedTuple):
    """The modules of the product; nobody asked for the `automatic` ones (`auto_enabled_by`)."""

    names: frozenset[str]
    automatic: frozenset[str]


def choose(
    composition: Composition, modules: Mapping[str, Module], edges: Edges, problems: Problems
) -> Choice:
    """Return what is in the product, whatever the order of the input.

    An automatic module joins when every module that it names is in the product, with all that it
    needs; that may bring in further ones, until nothing changes (a least fixpoint: there is one).

    Args:
        composition: what `modules.toml` says.
        modules: what was read for its entries, by name.
        edges: what each of them needs.
        problems: XT0301, XT0306 and XT0311 go here.
    """
    asked = closure(_enabled(composition, modules, problems), edges, problems)
    rules = {
        name: frozenset(module.auto_enabled_by)
        for name, module in modules.items()
        if module.auto_enabled_by is not None and not module.disabled and name in edges
    }
    names = asked | _joining(asked, rules, modules, edges, problems)
    _refuse_disabled(names, modules, edges, problems)
    automatic = {name for name in names - asked if name in rules and rules[name] <= names}
    return Choice(names, frozenset(automatic))


def _enabled(
    composition: Composition, modules: Mapping[str, Module], problems: Problems
) -> dict[str, Place]:
    """Return the modules that are in the product by themselves, and the place that says so.

    Required modules always are; the others when `default_enabled` names them, or when there is no
    such list and their own manifests do not disable them. XT0306 for a name that is not in
    `[modules]`, XT0311 for a disabled module that is asked for.
    """
    entries = composition.entries
    off = {name for name, module in modules.items() if module.disabled}
    chosen = {name: entry.place for name, entry in entries.items() if entry.required}
    for name in sorted(off & chosen.keys()):
        place = entries[name].place.at("required")
        _disabled(modules[name], f"`{name}` is required", place, problems)
    if composition.default_enabled is None:
        return chosen | {n: entry.place for n, entry in entries.items() if n not in off}
    for name, place in composition.default_enabled:
        if name not in entries:
            problems.add(
                "XT0306",
                f"`default_enabled` names `{name}`, which is not in `[modules]`",
                place,
                help=did_you_mean(name, entries) or "add it to `[modules]`, or remove it here",
            )
            continue
        if name in off:
            _disabled(modules[name], f"`default_enabled` names `{name}`", place, problems)
        chosen.setdefault(name, place)
    return chosen


def _joining(
    asked: frozenset[str],
    rules: Mapping[str, frozenset[str]],
    modules: Mapping[str, Module],
    edges: Edges,
    problems: Problems,
) -> set[str]:
    """Return the modules that join what is asked for, and what these need."""
    missing = {name: set(rule - asked) for name, rule in rules.items()}
    named_by: dict[str, list[str]] = defaultdict(list)
    for name, rest in missing.items():
        for other in rest:
            named_by[other].append(name)
    ready = [name for name, rest in missing.items() if not rest]
    heapq.heapify(ready)
    found = set(asked)
    while ready:
        name = heapq.heappop(ready)
        if name in found:
            continue
        joined = closure({name: modules[name].place}, edges, problems, known=found)
        found |= joined
        for each in joined:
            for other in named_by[each]:
                missing[other].discard(each)
                if not missing[other]:
                    heapq.heappush(ready, other)
    return found - asked


def _refuse_disabled(
    names: frozenset[str], modules: Mapping[str, Module], edges: Edges, problems: Problems
) -> None:
    """Note modules of the product that need one whose manifest says it is not to be used."""
    for name in sorted(names):
        for edge in edges[name]:
            needed = modules.get(edge.module)
            if needed and needed.disabled and edge.module in names:
                _disabled(needed, f"`{name}` needs `{edge.module}`", edge.place, problems)


def _disabled(module: Module, why: str, place: Place, problems: Problems) -> None:
    if module.disabled:
        problems.add(
            "XT0311",
            f"{why}, whose own manifest says that it is not to be used",
            place,
            others=[(module.disabled.place, shortened(module.disabled.text) or "said here")],
            help=f"do without `{module.name}`, or enable it in its manifest",
        )
