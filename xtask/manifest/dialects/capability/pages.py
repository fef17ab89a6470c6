"""The pages and links of a capability module, in both of its formats."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from xtask.diagnostics import did_you_mean, listed
from xtask.manifest import grammar
from xtask.manifest.dialects.shared import route_name, route_path
from xtask.manifest.module import Navigation, Route
from xtask.manifest.table import shortened

if TYPE_CHECKING:
    from collections.abc import Sequence

    from xtask.manifest.dialects.capability.handlers import Identity
    from xtask.manifest.table import Table

_CATEGORIES = ("monitoring", "operations", "settings", "tools")
_SIZES = ("small", "medium", "large")
_ASSETS = "frontend"
# What a bundler adds to the name of a component.
_ENDINGS = ("", ".tsx", ".ts", ".jsx", ".js", ".vue")
_ORDER = 100
_MAX_DEPTH = 8


class FrontEnd(NamedTuple):
    """The folder of what browsers may get, the pages whose files are in it, and the links."""

    assets: str | None
    routes: tuple[Route, ...]
    navigation: tuple[Navigation, ...]


class _Page(NamedTuple):
    """A page before it is known which folder is given to browsers."""

    component: str
    path: str
    title: str
    permissions: tuple[str, ...]
    table: Table


def read_nested(ui: Table, identity: Identity) -> FrontEnd:
    """Return the front end of `capabilities.ui`: pages, components and navigation."""
    pages = []
    for item in ui.tables("pages"):
        title, permissions = item.text("title"), item.texts("permissions")
        pages.append(_page(item, title, permissions, identity))
    for item in ui.tables("components"):
        _ignore_component(item, "components", identity)
        item.text("slot")
        item.ignore("name", "title", "order", "permissions", "props")
        item.done()
    links: list[Navigation] = []
    _read_links(ui, "navigation", "", 0, links)
    ui.done()
    return _front_end(pages, links, identity)


def read_flat(table: Table, identity: Identity) -> FrontEnd:
    """Return the front end of `ui` (routes and sidebar) and of `contributions`."""
    ui, contributions = table.table("ui"), table.table("contributions")
    links = _sidebar(ui) if "ui" in table else []
    contributed = _contributed(contributions, identity)
    titles = {link.path: link.label for link in (*reversed(contributed), *reversed(links))}
    pages = []
    for item in ui.tables("routes"):
        if not item.boolean("exact", default=True):
            message = "every page is drawn for its exact path only"
            tip = "list each path below it as a route of its own"
            item.problems.warn("XT0223", message, item.place.at("exact"), help=tip)
        page = _page(item, identity.title, (), identity)
        pages.append(page._replace(title=titles.get(page.path, page.title)))
    if "ui" in table:
        _require(ui, "sidebar", "routes")
        _file(ui, "entry", identity)
    ui.done()
    _merge(links, contributed, table)
    dashboard = contributions.table("dashboard")
    for item in dashboard.tables("widgets"):
        _read_widget(item, identity)
    for part in (dashboard, contributions):
        part.done()
    return _front_end(pages, links, identity)


def _page(item: Table, title: str, permissions: tuple[str, ...], identity: Identity) -> _Page:
    path, component = route_path(item, "path"), _file(item, "component", identity)
    item.text("icon", default="")
    item.done()
    return _Page(component, path, title, permissions, item)


def _file(table: Table, key: str, identity: Identity) -> str:
    """Return a file of the module, nothing when it is none (XT0205); XT0211 when it is missing."""
    written = table.text(key)
    if table.kind(key) is not str:
        return ""
    path = table.checked(written.removeprefix("./"), key, grammar.FILE)
    if not path or identity.folder is None:
        return path
    for ending in _ENDINGS:
        if identity.folder.has_file(path + ending):
            return path + ending
    message = f"there is no file `{shortened(path)}`"
    table.wrong("XT0211", message, key, help="it is looked for in the module's folder")
    return path


def _front_end(pages: Sequence[_Page], links: Sequence[Navigation], identity: Identity) -> FrontEnd:
    assets = _assets(pages, identity)
    routes: dict[str, Route] = {}
    for page in pages:
        entry = page.component.removeprefix(f"{assets}/")
        if page.component and entry == page.component:
            message = f"`{shortened(entry)}` is not in `{assets or _ASSETS}/`"
            tip = f"only one folder is given to browsers: move it to `{assets or _ASSETS}/`"
            page.table.wrong("XT0220", message, "component", help=tip)
        name = route_name(identity.name, page.path)
        if name in routes:
            name = route_name(identity.name, f"{page.path}/{len(routes) + 1}", routes)
        if page.path and page.component and identity.name:
            place, needs = page.table.place, page.permissions
            routes[name] = Route(name, page.path, entry, page.title, place, needs)
    return FrontEnd(assets if routes else None, tuple(routes.values()), tuple(links))


def _assets(pages: Sequence[_Page], identity: Identity) -> str:
    """Return the folder that is given to browsers: `frontend`, else the first component's."""
    folder = identity.folder
    with_folder = [page for page in pages if "/" in page.component]
    if not with_folder:
        return _ASSETS
    first = with_folder[0].component.split("/", maxsplit=1)[0]
    assets = _ASSETS if folder and folder.has_folder(_ASSETS) else first
    if code := folder.matching(f"{assets}/**/*.py") if folder else ():
        message = f"`{assets}/` holds `{shortened(code[0])}`, which no browser may get"
        tip = f"keep only pages in `{_ASSETS}/`"
        with_folder[0].table.wrong("XT0220", message, "component", help=tip)
    return assets


def _read_links(table: Table, key: str, parent: str, depth: int, found: list[Navigation]) -> None:
    """Add the links of a list, each with the ones below it; these keep the order of the list."""
    if depth > _MAX_DEPTH:
        message = f"links are nested more than {_MAX_DEPTH} deep"
        table.wrong("XT0205", message, key, help="nobody would find them: use fewer levels")
        table.ignore(key)
        return
    for index, item in enumerate(table.tables(key)):
        below = index if parent else 0
        is_group = "children" in item and "path" not in item
        permissions = item.texts("permissions")
        if len(permissions) > 1:
            message = f"a link is shown for one permission, not for {listed(permissions)}"
            item.wrong("XT0205", message, "permissions", help="keep the one that the page needs")
        link = Navigation(
            label=item.text("label"),
            route="",
            order=item.integer("order", default=_ORDER + below),
            permission=permissions[0] if permissions else None,
            place=item.place,
            path="" if is_group else route_path(item, "path"),
            parent=parent,
            icon=item.text("icon", default=""),
        )
        item.ignore("path", "badge")
        found.append(link)
        _read_links(item, "children", link.label, depth + 1, found)
        item.done()


def _sidebar(ui: Table) -> list[Navigation]:
    """Return the module's group in the sidebar and the links in it."""
    sidebar = ui.table("sidebar")
    if "sidebar" not in ui:
        return []
    label, icon = sidebar.text("label"), sidebar.text("icon")
    order = sidebar.integer("order", default=_ORDER)
    found = [Navigation(label, "", order, None, sidebar.place, icon=icon)]
    _read_links(sidebar, "children", label, 1, found)
    sidebar.done()
    return found


def _contributed(contributions: Table, identity: Identity) -> list[Navigation]:
    """Return the links of `contributions.navigation`, in the menu of their category."""
    table = contributions.table("navigation")
    if "navigation" not in contributions:
        return []
    menu = table.text("category", grammar=grammar.NAME)
    if menu and menu not in _CATEGORIES:
        message = f"`{shortened(menu)}` is not a category of the platform"
        tip = did_you_mean(menu, _CATEGORIES) or f"its categories are {listed(_CATEGORIES)}"
        table.problems.warn("XT0204", message, table.place.at("category"), help=tip)
    label = table.text("label", default="")
    icon = table.text("icon", default="")
    order = table.integer("order", default=_ORDER)
    found = []
    if "path" in table or label:
        path = route_path(table, "path") if "path" in table else ""
        shown = label or identity.title
        found.append(Navigation(shown, "", order, None, table.place, path=path, icon=icon))
    _read_links(table, "items", label, 1, found)
    table.done()
    return [link._replace(menu=menu or "main") for link in found]


def _merge(links: list[Navigation], contributed: list[Navigation], table: Table) -> None:
    """Add contributed links that are not in the sidebar; the two may say one thing twice."""
    by_path = {link.path: link for link in reversed(links) if link.path}
    by_label = {link.label: link for link in reversed(links) if link.path}
    for link in contributed:
        same = by_path.get(link.path)
        other = same or by_label.get(link.label)
        is_whole = link.path and link.label and other and other.label
        if is_whole and (same is None or same.label != link.label):
            what = "has two labels" if same else "leads to two paths"
            shown = link.path if same else link.label
            table.problems.warn(
                "XT0208",
                f"`{shortened(shown)}` {what}: in `ui.sidebar` and in `contributions`",
                link.place,
                help="write the same in both, or remove one of the two",
            )
        if same is None:
            links.append(link)


def _read_widget(item: Table, identity: Identity) -> None:
    for key in ("id", "title"):
        item.text(key)
    item.choice("size", _SIZES)
    for key in ("refreshInterval", "order"):
        item.scalar(key)
    _ignore_component(item, "widgets", identity)
    item.done()


def _ignore_component(item: Table, what: str, identity: Identity) -> None:
    _file(item, "component", identity)
    message = f"the front end has no place for `{what}`"
    tip = "make it part of a page of the module"
    item.problems.warn("XT0223", message, item.place, help=tip)


def _require(table: Table, *keys: str) -> None:
    for key in keys:
        if key not in table:
            message = f"`{key}` is missing in {table.name}"
            table.problems.add("XT0202", message, table.place, help=f'add `"{key}": …`')
