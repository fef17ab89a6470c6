"""Which modules are in the product, and in which order: closure, cycles, topological order.

Every algorithm is iterative, so a chain of ten thousand modules needs no deep stack.
"""

from __future__ import annotations

import heapq
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from xtask.diagnostics import Place, Problems, did_you_mean, listed

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from xtask.manifest.composition import Composition
    from xtask.manifest.entries import Entry
    from xtask.manifest.module import Module


class Edge(NamedTuple):
    """One module needs another: in which versions (None for any), and where that is written.

    A companion has to be in the product too, but neither has to come first: it is not `ordering`.
    """

    module: str
    range: str | None
    place: Place
    ordering: bool = True


Edges = dict[str, tuple[Edge, ...]]


def edges_of(composition: Composition, modules: Mapping[str, Module]) -> Edges:
    """Return what each module needs: `requires` and `companions`, then `depends_on`.

    The last is of `modules.toml`, the others are of the module's own manifest.
    """
    return {
        entry.name: tuple(sorted(_edges(entry, modules.get(entry.name)), key=_by_name))
        for entry in composition.entries.values()
    }


def _edges(entry: Entry, module: Module | None) -> list[Edge]:
    requires, companions = (module.requires, module.companions) if module else ((), ())
    own = [Edge(name, text or None, place) for name, text, place in requires if name]
    named = {edge.module for edge in own}
    own += [
        Edge(name, None, entry.place.at("depends_on", index))
        for index, name in enumerate(entry.depends_on)
        if name not in named
    ]
    beside = [
        Edge(name, text or None, place, ordering=False) for name, text, place in companions if name
    ]
    return own + beside


def _by_name(edge: Edge) -> tuple[str, bool, str]:
    return edge.module, not edge.ordering, edge.range or ""


def needs_of(name: str, edges: Edges) -> tuple[str, ...]:
    """Return what has to come before a module, sorted."""
    return tuple(sorted({edge.module for edge in edges[name] if edge.ordering}))


def closure(
    roots: Mapping[str, Place],
    edges: Edges,
    problems: Problems,
    known: Collection[str] = frozenset(),
) -> frozenset[str]:
    """Return the roots and everything they need, but for what is `known` to be in the product.

    XT0301 with the chain for what is missing.
    """
    asked: dict[str, tuple[str, Edge] | None] = dict.fromkeys(sorted(roots))
    queue = deque(asked)
    while queue:
        name = queue.popleft()
        for edge in edges[name]:
            if edge.module not in edges:
                _missing(edge, name, asked, edges, roots, problems)
            elif edge.module not in asked and edge.module not in known:
                asked[edge.module] = (name, edge)
                queue.append(edge.module)
    return frozenset(asked)


def _missing(  # noqa: PLR0913, PLR0917 - what a chain is made of
    edge: Edge,
    name: str,
    asked: Mapping[str, tuple[str, Edge] | None],
    edges: Edges,
    roots: Mapping[str, Place],
    problems: Problems,
) -> None:
    chain, others = [edge.module, name], []
    while (step := asked[chain[-1]]) is not None:
        chain.append(step[0])
        others.append((step[1].place, f"`{step[0]}` needs `{chain[-2]}` here"))
    others.append((roots[chain[-1]], f"`{chain[-1]}` is in the product by this line"))
    problems.add(
        "XT0301",
        f"module `{edge.module}` is missing: `{name}` needs it",
        edge.place,
        "asked for here",
        others=others,
        notes=["asked for by " + " → ".join(f"`{link}`" for link in reversed(chain))],
        help=did_you_mean(edge.module, edges)
        or f"add `{edge.module}` to `[modules]` in modules.toml",
    )


def order(names: Iterable[str], edges: Edges, problems: Problems) -> tuple[str, ...]:
    """Return the names so that each stands after what it needs; the alphabet breaks ties.

    XT0302 for each group of modules that need each other, with its shortest cycle.
    """
    chosen = set(names)
    needs = {
        name: {edge.module for edge in edges[name] if edge.ordering and edge.module in chosen}
        for name in chosen
    }
    needed_by: dict[str, list[str]] = {name: [] for name in chosen}
    for name, wanted in needs.items():
        for other in wanted:
            needed_by[other].append(name)
    waiting = {name: len(wanted) for name, wanted in needs.items()}
    ready = sorted(name for name, count in waiting.items() if count == 0)
    ordered: list[str] = []
    while ready:
        name = heapq.heappop(ready)
        ordered.append(name)
        for other in needed_by[name]:
            waiting[other] -= 1
            if waiting[other] == 0:
                heapq.heappush(ready, other)
    stuck = {name: needs[name] for name in chosen.difference(ordered)}
    for group in _groups(stuck):
        _report_cycle(_shortest_cycle(group, stuck), edges, problems)
    return tuple(ordered)


def _groups(needs: Mapping[str, set[str]]) -> list[frozenset[str]]:
    """Return the strongly connected components with a cycle (Tarjan 1972, without recursion)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    on_stack: set[str] = set()
    found: list[frozenset[str]] = []
    for root in sorted(needs):
        if root in index:
            continue
        work = [(root, iter(sorted(needs[root] & needs.keys())))]
        index[root] = low[root] = len(index)
        stack.append(root)
        on_stack.add(root)
        while work:
            name, rest = work[-1]
            for other in rest:
                if other not in index:
                    index[other] = low[other] = len(index)
                    stack.append(other)
                    on_stack.add(other)
                    work.append((other, iter(sorted(needs[other] & needs.keys()))))
                    break
                if other in on_stack:
                    low[name] = min(low[name], index[other])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[name])
                if low[name] == index[name]:
                    group = frozenset(stack[stack.index(name) :])
                    del stack[stack.index(name) :]
                    on_stack -= group
                    if len(group) > 1 or name in needs[name]:
                        found.append(group)
    return found


def _shortest_cycle(group: frozenset[str], needs: Mapping[str, set[str]]) -> list[str]:
    """Return the shortest way from the group's first name back to itself."""
    start = min(group)
    came: dict[str, str] = {}
    queue = deque([start])
    while queue:
        name = queue.popleft()
        for other in sorted(needs[name] & group):
            if other == start:
                cycle = [name]
                while cycle[-1] != start:
                    cycle.append(came[cycle[-1]])
                return cycle[::-1]
            if other not in came:
                came[other] = name
                queue.append(other)
    raise AssertionError(f"no cycle through {start}")


def _report_cycle(cycle: list[str], edges: Edges, problems: Problems) -> None:
    steps = []
    for name, needed in zip(cycle, [*cycle[1:], cycle[0]], strict=True):
        edge = next(edge for edge in edges[name] if edge.ordering and edge.module == needed)
        steps.append((edge.place, f"`{name}` needs `{needed}`"))
    (place, label), *others = steps
    problems.add(
        "XT0302",
        f"{listed(sorted(cycle))} need each other" if others else f"`{cycle[0]}` needs itself",
        place,
        label,
        others=others,
        notes=[" → ".join([*cycle, cycle[0]])],
        help="let one of them publish an event, or move what both need into a third module"
        if others
        else "remove this line: a module has itself already",
    )
