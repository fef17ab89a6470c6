"""From what was read to the selection: enabled, closed, ordered, free of conflicts."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from xtask.diagnostics import Problems, listed
from xtask.manifest.table import shortened
from xtask.resolve import compatibility, graph
from xtask.resolve.choice import choose
from xtask.resolve.claims import refuse_overlap
from xtask.resolve.navigation import check_parents, warn_of_repeats
from xtask.resolve.npm import check_node, front_end_dependencies
from xtask.resolve.operations import Precedence, settle_operations
from xtask.resolve.paths import refuse_unreachable
from xtask.resolve.references import check_references
from xtask.resolve.values import chosen_values

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from xtask.manifest.composition import Composition
    from xtask.manifest.entries import Entry
    from xtask.manifest.module import Module
    from xtask.manifest.table import Scalar

_OF_EVERY_PRODUCT = "a package that every product has"


@dataclass(frozen=True, slots=True)
class Selection:
    """The modules of the product in dependency order, and the settings that were given to them.

    `needs` says which modules come before each because it needs them. Nobody asked for the
    `automatic` ones, they joined by themselves.
    """

    composition: Composition
    modules: tuple[Module, ...]
    values: Mapping[str, Mapping[str, Any]]
    needs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    automatic: frozenset[str] = frozenset()
    precedence: tuple[Precedence, ...] = ()

    @property
    def host(self) -> Module | None:
        """The module that the image starts with."""
        return next((module for module in self.modules if module.host), None)


def select(
    composition: Composition, modules: Mapping[str, Module], problems: Problems
) -> Selection:
    """Return the product's modules in order; everything wrong between them goes to `problems`.

    Args:
        composition: what `modules.toml` says.
        modules: what was read for its entries, by name.
        problems: XT0208 and XT03xx go here.
    """
    for entry in composition.entries.values():
        _check_identity(entry, modules.get(entry.name), problems)
    edges = graph.edges_of(composition, modules)
    choice = choose(composition, modules, edges, problems)
    compatibility.check_ranges(choice.names, edges, modules, problems)
    ordered = graph.order(choice.names, edges, problems)
    chosen = tuple(modules[name] for name in ordered if name in modules)
    compatibility.refuse_conflicts(chosen, problems)
    compatibility.check_application(composition, chosen, problems)
    refuse_overlap(chosen, problems)
    refuse_unreachable(chosen, problems)
    precedence = settle_operations(chosen, problems)
    if len(chosen) == len(ordered):  # what could not be read may bring what a reference names
        check_references(chosen, problems)
        check_parents(chosen, problems)
        warn_of_repeats(chosen, problems)
    front_end_dependencies(chosen, problems)
    check_node(chosen, problems)
    _check_packages(modules.values(), problems)
    _check_hosts(chosen, problems)
    return Selection(
        composition=composition,
        modules=chosen,
        values=chosen_values(composition, modules, chosen, problems),
        needs={name: graph.needs_of(name, edges) for name in ordered},
        automatic=choice.automatic,
        precedence=precedence,
    )


def _check_identity(entry: Entry, module: Module | None, problems: Problems) -> None:
    if module is None:
        return
    if module.name and module.name != entry.name:
        problems.add(
            "XT0208",
            f"`modules.toml` calls it `{entry.name}`, its manifest `{module.name}`",
            module.named or module.place.at("name"),
            others=[(entry.place._replace(part="key"), "composed under this name")],
            help="use the same name in both",
        )
    for expected in module.expects:
        said = getattr(entry, expected.key)
        if said not in {expected.value, ""}:
            now, wanted = (f"`{expected.key} = {_toml(part)}`" for part in (said, expected.value))
            problems.add(
                "XT0208",
                f"the line of `{entry.name}` says {now}, and its manifest {wanted}",
                entry.place.at(expected.key),
                others=[(expected.place, "this is what it says")],
                help=f"write {wanted} in that line, or change the manifest",
            )


def _toml(value: Scalar) -> str:
    return str(value).lower() if isinstance(value, bool) else f'"{shortened(str(value))}"'


def _check_packages(modules: Collection[Module], problems: Problems) -> None:
    """Note packages that would hide others: Python's, the generated one, those of dialects."""
    homes = {module.package.split(".")[0] for module in modules if "." in module.package}
    taken = sys.stdlib_module_names | {"generated", "modules"} | homes
    for module in modules:
        if module.package in taken:
            problems.add(
                "XT0213",
                f"package `{module.package}` would hide "
                + ("modules that are in it" if module.package in homes else _OF_EVERY_PRODUCT),
                module.place.at("package"),
                help='name another package: `package = "…"` in `[module]`',
            )


def _check_hosts(modules: tuple[Module, ...], problems: Problems) -> None:
    hosts = [module for module in modules if module.host]
    if len(hosts) > 1:
        first, *others = [module.place._replace(key=("host",), part="key") for module in hosts]
        problems.add(
            "XT0305",
            f"{listed(module.name for module in hosts)} want to be the host, but a product has one",
            first,
            others=[(place, "this one too") for place in others],
            help="keep one `[host]`: it is what the image starts",
        )


def require_host(selection: Selection, problems: Problems) -> None:
    """Note a product that nothing starts (XT0305)."""
    if selection.host is None:
        problems.add(
            "XT0305",
            "no module is the host, so the image would start nothing",
            selection.composition.place.at("modules", part="key"),
            help='add a module with `[host]` and `main = "package.module:function"`',
        )


def require_buildable(selection: Selection, problems: Problems) -> None:
    """Note modules that an image cannot run, and programs that it does not have (XT0216)."""
    for module in selection.modules:
        if module.foreign:
            problems.add(
                "XT0216",
                f"`{module.name}` cannot be built: {shortened(module.foreign.text)}",
                module.foreign.place,
                help="build without it; it can be validated, listed and drawn as it is",
            )
        for program in module.programs:
            problems.add(
                "XT0216",
                f"`{module.name}` starts `{shortened(program.name)}`, which is not in the image",
                program.place,
                help=f"base `{selection.composition.base}` has none for modules: take it out of "
                "`bin` if the module works without it, else build without the module",
            )
