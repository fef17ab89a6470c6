"""The navigation of the whole product: the links of all modules as one tree in a total order."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from xtask.diagnostics import did_you_mean
from xtask.manifest.table import shortened

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from xtask.diagnostics import Problems
    from xtask.manifest.module import Module, Navigation

# Nobody finds a page below so many others, and what reads the tree may be recursive.
_MAX_DEPTH = 16


class Node(NamedTuple):
    """A link with those that hang below it; a link that only groups has neither path nor route."""

    label: str
    path: str
    route: str
    module: str
    order: int
    menu: str
    icon: str
    permission: str | None
    hidden: bool
    children: tuple[Node, ...]


class _Link(NamedTuple):
    """A link, the module that it is from, and the path and name of the route that it leads to."""

    said: Navigation
    module: str
    path: str
    route: str


def navigation_tree(modules: Iterable[Module]) -> tuple[Node, ...]:
    """Return every link of every module once, each below its parent.

    Siblings are sorted by menu, order, label (first without case), path and module. A parent is
    found by label or path among the links of the same module, then among the others'; of several
    the same menu counts first, then a link at the top. A link whose parent is not there is at the
    top, as is the first link of those that are below each other: `check_parents` refuses both.
    """
    links = _links(modules)
    parents = _parents(links)
    for cycle in _cycles(parents):
        parents[min(cycle)] = None
    top, below = _levels(parents)
    nodes: dict[int, Node] = {}
    for number in reversed(_downwards(top, below)):
        nodes[number] = _node(links[number], tuple(nodes.pop(child) for child in below[number]))
    return tuple(nodes[number] for number in top)


def check_parents(modules: Iterable[Module], problems: Problems) -> None:
    """Note parents that are not there, or that are below what they are above of (XT0307)."""
    links = _links(modules)
    parents = _parents(links)
    if not any(link.said.parent for link in links):
        return
    names = {name for link in links for name in _names(link)}
    for link, parent in zip(links, parents, strict=True):
        if link.said.parent and parent is None:
            problems.add(
                "XT0307",
                f"no link is called `{shortened(link.said.parent)}`, nor leads there",
                link.said.place.at("parent"),
                help=did_you_mean(link.said.parent, names)
                or "name the label or the path of another link",
            )
    cycles = _cycles(parents)
    for cycle in cycles:
        _note_cycle([links[number] for number in cycle], problems)
    if not cycles:
        _refuse_depth(links, parents, problems)


def warn_of_repeats(modules: Iterable[Module], problems: Problems) -> None:
    """Warn of links that one module has twice: whoever sees one sees both (XT0304)."""
    for module in modules:
        first: dict[tuple[object, ...], Navigation] = {}
        for said in module.navigation:
            target = said.path or said.route
            what = (said.menu, said.parent, said.label, target, said.permission, said.hidden)
            earlier = first.setdefault(what, said)
            if earlier is not said:
                problems.add(
                    "XT0304",
                    f"`{module.name}` has the link `{shortened(said.label)}` twice "
                    f"in the menu `{said.menu}`",
                    said.place,
                    others=[(earlier.place, "it is here already")],
                    help="remove one of the two, or call one of them differently",
                    severity="warning",
                )


def _links(modules: Iterable[Module]) -> list[_Link]:
    """Return all links in the total order, with what each of them leads to."""
    modules = tuple(modules)
    paths = {route.name: route.path for module in modules for route in module.routes}
    routes = {route.path: route.name for module in modules for route in module.routes}
    found = [
        _Link(
            said,
            module.name,
            said.path or paths.get(said.route, ""),
            said.route or routes.get(said.path, ""),
        )
        for module in modules
        for said in module.navigation
    ]
    return sorted(found, key=_order)


def _order(link: _Link) -> tuple[object, ...]:
    said = link.said
    shown = (said.menu, said.order, said.label.casefold(), said.label, link.path, link.module)
    return (*shown, link.route, said.parent, said.icon, said.permission or "", said.hidden)


def _names(link: _Link) -> Iterator[str]:
    """Yield what a link may be called as a parent."""
    yield from {name for name in (link.said.label, link.path) if name}


def _parents(links: Sequence[_Link]) -> list[int | None]:
    """Return the number of each link's parent; its own when nothing else has that name."""
    if not any(link.said.parent for link in links):
        return [None] * len(links)
    known: dict[tuple[str | None, str | None, str], list[int]] = {}
    for number in sorted(range(len(links)), key=lambda number: bool(links[number].said.parent)):
        link = links[number]
        for name in _names(link):
            for module in (link.module, None):
                for menu in (link.said.menu, None):
                    known.setdefault((module, menu, name), []).append(number)
    return [_parent(number, link, known) for number, link in enumerate(links)]


def _parent(
    number: int, link: _Link, known: dict[tuple[str | None, str | None, str], list[int]]
) -> int | None:
    name, itself = link.said.parent, None
    if not name:
        return None
    for module in (link.module, None):
        for menu in (link.said.menu, None):
            for found in known.get((module, menu, name), ())[:2]:
                if found != number:
                    return found
                itself = number
    return itself


def _cycles(parents: Sequence[int | None]) -> list[list[int]]:
    """Return the links that are below themselves, each ring once, from its lowest number on."""
    seen_from: dict[int, int] = {}
    found = []
    for start in range(len(parents)):
        number: int | None = start
        while number is not None and number not in seen_from:
            seen_from[number] = start
            number = parents[number]
        if number is not None and seen_from[number] == start:
            found.append(_ring(number, parents))
    return found


def _ring(number: int, parents: Sequence[int | None]) -> list[int]:
    ring = [number]
    while (above := parents[ring[-1]]) is not None and above != number:
        ring.append(above)
    first = ring.index(min(ring))
    return ring[first:] + ring[:first]


def _note_cycle(links: Sequence[_Link], problems: Problems) -> None:
    first, *others = links
    labels = [f"`{shortened(link.said.label)}`" for link in (*links, first)]
    problems.add(
        "XT0307",
        f"the link {labels[0]} is below itself",
        first.said.place.at("parent"),
        others=[(link.said.place.at("parent"), "and this one") for link in others],
        notes=[" below ".join(labels)],
        help="let one of them have no parent, or another one",
    )


def _levels(parents: Sequence[int | None]) -> tuple[list[int], list[list[int]]]:
    """Return the links without a parent, and for each link those that it is the parent of."""
    below: list[list[int]] = [[] for _ in parents]
    for number, parent in enumerate(parents):
        if parent is not None:
            below[parent].append(number)
    return [number for number, parent in enumerate(parents) if parent is None], below


def _downwards(top: Iterable[int], below: Sequence[Sequence[int]]) -> list[int]:
    """Return all numbers so that each stands after the one that it is below of."""
    found = list(top)
    for number in found:
        found.extend(below[number])
    return found


def _refuse_depth(
    links: Sequence[_Link], parents: Sequence[int | None], problems: Problems
) -> None:
    """Note the links that are the first too deep (XT0204)."""
    top, below = _levels(parents)
    depths = [1] * len(links)
    for number in _downwards(top, below):
        for child in below[number]:
            depths[child] = depths[number] + 1
        if depths[number] == _MAX_DEPTH + 1:
            problems.add(
                "XT0204",
                f"the link `{shortened(links[number].said.label)}` is below more than "
                f"{_MAX_DEPTH - 1} others",
                links[number].said.place.at("parent"),
                help=f"navigation has at most {_MAX_DEPTH} levels",
            )


def _node(link: _Link, children: tuple[Node, ...]) -> Node:
    said = link.said
    return Node(
        label=said.label,
        path=link.path,
        route=link.route,
        module=link.module,
        order=said.order,
        menu=said.menu,
        icon=said.icon,
        permission=said.permission,
        hidden=said.hidden,
        children=children,
    )
