"""The menus of a FastVue module, and the pages that they lead to.

FastVue makes a page of every menu with a path. Menus are nested, or name their parent by its label
or path. One that names no view has the view that is called like the last step of its path; without
one it opens the first page below it.
"""

from __future__ import annotations

from collections import Counter
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, NamedTuple

from xtask.diagnostics import did_you_mean
from xtask.manifest.dialects.fastvue.odoo import entries
from xtask.manifest.dialects.shared import route_name, route_path
from xtask.manifest.module import Navigation, Route
from xtask.manifest.table import shortened

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from xtask.diagnostics import Place, Problems
    from xtask.manifest.dialects.fastvue.views import Views
    from xtask.manifest.table import Table

# FastVue's default of `sequence`.
_ORDER = 10
# Menus that name each other as parents have no end.
_MAX_DEPTH = 50


class FrontEnd(NamedTuple):
    """What the menus of a module add to the front end."""

    routes: tuple[Route, ...]
    navigation: tuple[Navigation, ...]


class _Menu(NamedTuple):
    """One menu, and the number of the menu above it if that is the module's own."""

    label: str
    path: str
    parent: str
    view: str
    order: int
    icon: str
    permission: str | None
    hidden: bool
    above: int | None
    place: Place


def read_menus(table: Table, name: str, views: Views, modules: Collection[str]) -> FrontEnd:
    """Return the pages and links of `menus`; XT0220 warns of pages that nothing draws.

    Args:
        table: the whole manifest.
        name: the module's name.
        views: the files that can draw a page.
        modules: the modules that it needs; a parent of such a name is the menu at `/<name>`.
    """
    read: list[_Menu] = []
    _read(table, "menus", None, read)
    menus = _with_parents(read)
    drawn = _drawn(menus, views, table.problems)
    pages = _pages(menus, drawn, table.problems)
    routes: dict[str, Route] = {}
    for number in sorted({page for page in pages if page is not None}):
        menu = menus[number]
        unique = route_name(name, menu.path)
        if unique in routes:
            unique = route_name(name, f"{menu.path}/{len(routes) + 1}", routes)
        needs = (menu.permission,) if menu.permission else ()
        routes[unique] = Route(unique, menu.path, drawn[number], menu.label, menu.place, needs)
    return FrontEnd(tuple(routes.values()), tuple(_links(menus, pages, modules)))


def _read(table: Table, key: str, above: int | None, found: list[_Menu]) -> None:
    """Add the menus of a list and the ones inside of them, each after the one that it is in."""
    for item in table.tables(key):
        number = len(found)
        found.append(_menu(item, above))
        _read(item, "children", number, found)
        item.done()


def _menu(item: Table, above: int | None) -> _Menu:
    is_group = "children" in item and "path" not in item
    item.ignore("path")
    if entries(item, "groups"):
        message = "`groups` are rows of a database, so a product cannot hide a menu from them"
        tip = "name a `permission`"
        item.problems.warn("XT0223", message, item.place.at("groups"), help=tip)
    return _Menu(
        label=item.text("name"),
        path="" if is_group else route_path(item, "path"),
        parent=item.text("parent", default=""),
        view=item.text("viewName", default=""),
        order=item.integer("sequence", default=_ORDER),
        icon=item.text("icon", default=""),
        permission=item.text("permission", default="") or None,
        hidden=item.boolean("hideInMenu"),
        above=above,
        place=item.place,
    )


def _with_parents(menus: list[_Menu]) -> list[_Menu]:
    """Return the menus with the ones above them that are only named; the first of a name counts."""
    named: dict[str, int] = {}
    for number, menu in enumerate(menus):
        named.setdefault(menu.label, number)
        named.setdefault(menu.path, number)
    found = []
    for number, menu in enumerate(menus):
        above = menu.above
        if above is None and menu.parent:
            above = named.get(menu.parent)
        found.append(menu._replace(above=None if above == number else above))
    return found


def _ancestors(menus: list[_Menu], number: int) -> Iterator[int]:
    for _ in range(_MAX_DEPTH):
        above = menus[number].above
        if above is None:
            return
        yield above
        number = above


def _drawn(menus: list[_Menu], views: Views, problems: Problems) -> list[str]:
    """Return for each menu the file that draws its page, nothing when there is none."""
    own = [_view(menu, views, problems) for menu in menus]
    drawn = list(own)
    for number in sorted(range(len(menus)), key=lambda number: menus[number].hidden):
        for above in _ancestors(menus, number) if own[number] else ():
            if not menus[above].view and not drawn[above]:
                drawn[above] = own[number]
    return [
        entry or ("" if menu.view else views.default)
        for menu, entry in zip(menus, drawn, strict=True)
    ]


def _view(menu: _Menu, views: Views, problems: Problems) -> str:
    """Return the file of a menu's own view; the module's routes say what draws the unnamed ones."""
    name = PurePosixPath(menu.view).name.removesuffix(".vue")
    if not menu.view:
        return "" if views.routes else views.named.get(PurePosixPath(menu.path).name, "")
    if name in views.named:
        return views.named[name]
    message = f"there is no view `{shortened(menu.view)}`"
    tip = did_you_mean(name, views.named) or f"write it at `static/views/{shortened(name)}.vue`"
    problems.warn("XT0220", message, menu.place.at("viewName"), help=tip)
    return ""


def _pages(menus: list[_Menu], drawn: list[str], problems: Problems) -> list[int | None]:
    """Return for each menu the one whose page it leads to.

    A menu and the ones above it may have one path: they lead to one page, and a warning says so.
    """
    same: dict[int, list[int]] = {}
    for number, menu in enumerate(menus):
        above = [item for item in _ancestors(menus, number) if menus[item].path == menu.path]
        if menu.path:
            same.setdefault(min(above, default=number), []).append(number)
    found: list[int | None] = [None] * len(menus)
    for numbers in same.values():
        with_page = [number for number in numbers if drawn[number]]
        page = next((item for item in with_page if menus[item].view), next(iter(with_page), None))
        for number in numbers:
            found[number] = page
        _warn(menus, numbers, page, problems)
    return found


def _warn(menus: list[_Menu], numbers: list[int], page: int | None, problems: Problems) -> None:
    first, last = menus[numbers[0]], menus[numbers[-1]]
    if page is None and not any(menus[number].view for number in numbers):
        message = f"nothing draws the page `{first.path}` of menu `{shortened(first.label)}`"
        tip = 'name its view: `"viewName": "…"`, or the routes of the module in `assets`'
        problems.warn("XT0220", message, first.place.at("path"), help=tip)
    elif len(numbers) > 1:
        both = f"`{shortened(first.label)}` and `{shortened(last.label)}`"
        message = f"the menus {both} lead to one page, `{first.path}`"
        tip = "give each a path of its own, or leave one of them out"
        problems.warn("XT0304", message, last.place.at("path"), help=tip)


def _links(
    menus: list[_Menu], pages: list[int | None], modules: Collection[str]
) -> Iterator[Navigation]:
    shared = Counter(menu.path for menu in menus)
    for number, menu in enumerate(menus):
        if not menu.label or (menu.hidden and ":" in menu.path):
            continue  # no link can lead to a page with parameters
        parent = menu.parent
        if menu.above is None and parent in modules and parent != menu.label:
            parent = f"/{parent}"
        if menu.above is not None and (not parent or pages[menu.above] is None):
            above = menus[menu.above]
            by_path = pages[menu.above] is not None and shared[above.path] == 1
            parent = above.path if by_path else above.label
        yield Navigation(
            label=menu.label,
            route="",
            order=menu.order,
            permission=menu.permission,
            place=menu.place,
            path=menu.path if pages[number] is not None else "",
            parent=parent,
            icon=menu.icon,
            hidden=menu.hidden,
        )
