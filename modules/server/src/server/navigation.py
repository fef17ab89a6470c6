"""The navigation of the product: the links of all modules as one tree."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from server.registry import Link, Module


@dataclass(frozen=True, slots=True)
class NavigationItem:
    """A link, shown to whoever has `permission`, and those below it; without a path it groups."""

    label: str
    path: str
    route: str
    module: str
    order: int
    menu: str
    icon: str
    permission: str | None
    hidden: bool
    children: tuple[NavigationItem, ...]


class _Entry(NamedTuple):
    link: Link
    module: str
    path: str
    route: str


def navigation_tree(modules: Sequence[Module]) -> tuple[NavigationItem, ...]:
    """Return every link once, below the one that it names as its parent, else at the top.

    Siblings are sorted by menu, order, label, path and module.
    """
    paths = {page.name: page.path for module in modules for page in module.pages}
    routes = {page.path: page.name for module in modules for page in module.pages}
    entries = sorted(
        (
            _Entry(
                link,
                module.name,
                link.path or paths.get(link.page, ""),
                link.page or routes.get(link.path, ""),
            )
            for module in modules
            for link in module.navigation
        ),
        key=_rank,
    )
    parents = _parents(entries)

    def below(parent: int | None) -> tuple[NavigationItem, ...]:
        return tuple(
            _item(entries[number], below(number))
            for number, above in enumerate(parents)
            if above == parent
        )

    return below(None)


def _rank(entry: _Entry) -> tuple[object, ...]:
    link = entry.link
    shown = (link.menu, link.order, link.label.casefold(), link.label, entry.path, entry.module)
    return (*shown, entry.route, link.parent, link.icon, link.permission or "", link.hidden)


def _parents(entries: Sequence[_Entry]) -> list[int | None]:
    """Return the number of each one's parent; a ring, which no build lets pass, is cut open."""
    parents = [_parent(number, entries) for number in range(len(entries))]
    for number in range(len(entries)):
        above, seen = parents[number], {number}
        while above is not None and above not in seen:
            seen.add(above)
            above = parents[above]
        if above == number:
            parents[number] = None
    return parents


def _parent(number: int, entries: Sequence[_Entry]) -> int | None:
    """Return who has the name: rather in the module, then in the menu, then at the top."""
    child = entries[number]
    name, menu = child.link.parent, child.link.menu
    named = (
        (entry.module != child.module, entry.link.menu != menu, bool(entry.link.parent), other)
        for other, entry in enumerate(entries)
        if name and other != number and name in {entry.link.label, entry.path}
    )
    best = min(named, default=None)
    return best[-1] if best else None


def _item(entry: _Entry, children: tuple[NavigationItem, ...]) -> NavigationItem:
    link = entry.link
    return NavigationItem(
        label=link.label,
        path=entry.path,
        route=entry.route,
        module=entry.module,
        order=link.order,
        menu=link.menu,
        icon=link.icon,
        permission=link.permission,
        hidden=link.hidden,
        children=children,
    )
