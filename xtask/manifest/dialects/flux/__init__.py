"""The Flux dialect: `module.json` of a module for the Flux platform.

The format is that of the platform's module registry: a folder that is a package, with the manifest,
`__init__.py`, and where they are needed `routes.py`, `hooks.py`, `frontend/` and `migrations/`.
docs/dialects.md says what becomes of them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from xtask.diagnostics import did_you_mean
from xtask.manifest import grammar
from xtask.manifest.code import symbol
from xtask.manifest.dialects import shared
from xtask.manifest.dialects.flux import code as flux_code
from xtask.manifest.dialects.hooks import hook_function
from xtask.manifest.dialects.migrations import migration_tables, numbered_migrations
from xtask.manifest.module import (
    DatabaseTable,
    EntryPoint,
    Hook,
    Module,
    Navigation,
    Permission,
    Requirement,
    Route,
    Router,
    Stated,
)
from xtask.manifest.table import Table, shortened

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from xtask.manifest.code import Code
    from xtask.manifest.folder import Folder

NAME_OF_DIALECT = "flux"
PLATFORM = frozenset({"fastapi", "pydantic", "sqlalchemy", "starlette"})

# What no BMC module has, the other dialect with this file name.
_OWN_KEYS = frozenset({"display_name", "min_app_version", "hooks", "navigation", "frontend"})
_MENUS = ("main", "admin", "settings")
_LIFECYCLE = ("after_module_enable", "after_module_disable")
_EVENT = re.compile(r"on_[a-z0-9]+(_[a-z0-9]+)*")
_ORDER = 100
_ANY_VERSION = ""
_ASSETS = "frontend"
_RUNTIME_FOLDERS = ("data",)
_PAGES = (".tsx", ".ts", ".jsx", ".js")

RESOURCE_ACTION = grammar.Grammar(
    r"[a-z][a-z0-9_.-]*:[a-z][a-z0-9_-]*",
    "a permission",
    "a resource, a colon and one action, such as `invoices:read`",
)
MODULE_ID = grammar.Grammar(r"[0-9]{6}", "a module id", "six digits, as in `620600`")
TABLE_PREFIX = grammar.Grammar(
    r"[A-Za-z0-9][A-Za-z0-9_]*",
    "a prefix of table names",
    "letters, digits and `_`, such as `620600_databases`",
)


class _Identity(NamedTuple):
    """What every part of a module is named after."""

    name: str
    package: str
    prefix: str


def recognises(values: Mapping[str, Any]) -> bool:
    """Return whether a `module.json` has a key that only Flux's have."""
    return not _OWN_KEYS.isdisjoint(values)


def read(table: Table, folder: Folder | None) -> Module:
    """Return the module that a `module.json` describes; see `Dialect.read`."""
    identity = _identity(table, folder)
    version = table.text("version")
    problems = table.problems
    files = shared.python_files(folder, problems, without=_RUNTIME_FOLDERS) if folder else {}
    migrations = numbered_migrations(folder, problems) if folder else ()
    created = migration_tables(folder, migrations, problems) if folder else ()
    links = _navigation(table)
    routes = _routes(table, identity, links, folder)
    routers = _routers(table, identity, folder)
    module = Module(
        name=identity.name,
        version=version and table.checked(version, "version", grammar.VERSION, "XT0206"),
        description=table.text("description"),
        license=table.text("license") or None,
        package=identity.package,
        dialect=NAME_OF_DIALECT,
        place=table.place,
        root=folder.root if folder else None,
        is_package=True,
        requires=_requires(table),
        app_range=_app_range(table),
        routers=routers,
        operations=shared.operations(routers, identity.package, folder, files, problems),
        routes=routes,
        navigation=links,
        permissions=tuple(_permission(item) for item in table.tables("permissions")),
        hooks=_hooks(table.table("hooks"), identity.package, folder),
        migrations=migrations,
        tables=_tables(created, files),
        table_prefix=_table_prefix(table, identity.name),
        assets=_ASSETS if routes else None,
        runtime_folders=_RUNTIME_FOLDERS,
    )
    for key in ("display_name", "author"):  # in manifests for people only
        table.text(key)
    table.done()
    flux_code.require_prefix(module, problems)
    if folder:
        flux_code.require_version(module, folder, files, problems)
        flux_code.check_imports(files, identity.package, problems)
    return module


def _identity(table: Table, folder: Folder | None) -> _Identity:
    name = table.text("name", grammar=grammar.NAME)
    if "-" in name:
        message = f"`{name}` is not a name in snake case, as Flux has them"
        table.wrong("XT0205", message, "name", help=f"write `{name.replace('-', '_')}`")
    shown = folder.name if folder else name
    if name and shown not in {name, ""}:  # the workspace itself is called as anybody likes
        message = f"module `{name}` is in a folder called `{shortened(shown)}`"
        table.wrong("XT0208", message, "name", help="the two must be equal: rename one of them")
    package = shared.package_name(table, "name", name, "modules")
    return _Identity(name, package, f"/api/modules/{name}" if package else "")


def _app_range(table: Table) -> Stated | None:
    version = table.text("min_app_version")
    if not version or not table.checked(version, "min_app_version", grammar.VERSION, "XT0206"):
        return None
    return Stated(f">={version}", table.place.at("min_app_version"))


def _requires(table: Table) -> tuple[Requirement, ...]:
    """Return the modules that it needs: names, or tables with a name and a version."""
    key = "dependencies"
    if table.kind(key) is not list:
        table.texts(key)
        return ()
    found = []
    for index, entry in enumerate(table.value(key)):
        place = table.place.at(key, index)
        values = entry if isinstance(entry, dict) else {"name": entry}
        item = Table(values, place, table.problems, f"an entry of `{key}`")
        name = item.text("name", grammar=grammar.NAME)
        found.append(Requirement(name, item.text("version", default=_ANY_VERSION), place))
        item.done()
    return tuple(sorted(found, key=lambda item: item[:2]))


def _routers(table: Table, identity: _Identity, folder: Folder | None) -> tuple[Router, ...]:
    """Return the router of `routes.py`; a module without that file has no API."""
    place = table.place.at("name")
    if folder:
        if not (folder.has_file("routes.py") or folder.has_file("routes/__init__.py")):
            return ()
        symbol(folder, "routes", "router", place, table.problems)
    target = EntryPoint(f"{identity.package}.routes", "router")
    return (Router(identity.prefix, target, place),) if identity.prefix else ()


def _navigation(table: Table) -> tuple[Navigation, ...]:
    found = []
    for item in table.tables("navigation"):
        link = Navigation(
            label=item.text("title"),
            route="",
            order=_ORDER,
            permission=item.optional_text("required_permission"),
            place=item.place,
            path=shared.route_path(item, "path"),
            menu=item.choice("menu", _MENUS, default="main"),
            icon=item.text("icon", default=""),
        )
        item.done()
        found.append(link)
    return tuple(found)


def _routes(
    table: Table, identity: _Identity, links: Sequence[Navigation], folder: Folder | None
) -> tuple[Route, ...]:
    """Return a page for each path of the navigation: the one entry draws all of them."""
    front_end = table.table("frontend")
    if "frontend" not in table:
        return ()
    enabled = front_end.boolean("enabled", default=True)
    entry = front_end.text("entry", default=None if enabled else "", grammar=grammar.FILE)
    front_end.done()
    if not enabled or not entry:
        return ()
    _require_page(front_end, entry, folder)
    paths = dict.fromkeys(link.path for link in links if link.path)
    if not paths:
        message = f"no navigation leads to `{shortened(entry)}`, so nobody will see it"
        tip = "add an entry to `navigation`, or write `false` for `enabled`"
        table.problems.warn("XT0220", message, front_end.place.at("entry"), help=tip)
    routes: dict[str, Route] = {}
    for path in paths:
        same = [link for link in links if link.path == path]
        name = shared.route_name(identity.name, path, routes)
        # Whoever may follow one of the links has to be let in.
        needed = set.intersection(*({link.permission or ""} for link in same)) - {""}
        routes[name] = Route(
            name,
            path,
            entry.removeprefix(f"{_ASSETS}/"),
            same[0].label,
            same[0].place,
            tuple(sorted(needed)),
        )
    return tuple(routes.values())


def _require_page(front_end: Table, entry: str, folder: Folder | None) -> None:
    if not entry.startswith(f"{_ASSETS}/") or not entry.endswith(_PAGES):
        message = f"`{shortened(entry)}` is not a page in `{_ASSETS}/`"
        tip = f"only `{_ASSETS}/` is given to browsers: `{_ASSETS}/pages/MainPage.tsx`"
        front_end.wrong("XT0220", message, "entry", help=tip)
    elif folder and not folder.has_file(entry):
        message = f"there is no file `{shortened(entry)}`"
        front_end.wrong("XT0211", message, "entry", help="it is looked for in the module's folder")


def _permission(table: Table) -> Permission:
    """Return a permission; its name says resource and action, which have to say the same."""
    name = table.text("name", grammar=RESOURCE_ACTION)
    title = table.text("display_name", default="")
    description = table.text("description", default=title)
    for key, part in zip(("resource", "action"), name.split(":"), strict=False):
        written = table.text(key, default=part)
        if name and written != part:
            message = f"`{shortened(written)}` is not the {key} of `{name}`"
            table.wrong("XT0205", message, key, help=f"write `{part}`, or change the name")
    table.ignore("resource", "action")
    table.done()
    return Permission(name, description, table.place.at("name"))


def _hooks(table: Table, package: str, folder: Folder | None) -> tuple[Hook, ...]:
    found = []
    for event in sorted(table.keys()):
        place = table.place.at(event)
        if event not in _LIFECYCLE and not _EVENT.fullmatch(event):
            tip = "hooks are `after_module_enable`, `after_module_disable`, or `on_` and an event"
            table.problems.add(
                "XT0205",
                f"`{shortened(event)}` is not an event that calls a hook",
                table.place.at(event, part="key"),
                help=did_you_mean(event, _LIFECYCLE) or tip,
            )
        target = shared.entry_point(table, event, package)
        if target is None:
            continue
        found.append(Hook(event, target, _ORDER, place))
        module = target.module[len(package) + 1 :]
        if folder and (
            function := hook_function(folder, module, target.attribute, place, table.problems)
        ):
            flux_code.require_signature(function, place, table.problems)
    return tuple(found)


def _table_prefix(table: Table, name: str) -> Stated | None:
    table.text("module_id", default="000000", grammar=MODULE_ID)
    written = table.text("table_prefix", default=name)
    if "table_prefix" not in table:
        return Stated(f"{name}_", table.place.at("name")) if name else None
    if not table.checked(written, "table_prefix", TABLE_PREFIX):
        return None
    return Stated(f"{written.rstrip('_')}_", table.place.at("table_prefix"))


def _tables(
    created: Sequence[DatabaseTable], files: Mapping[str, Code]
) -> tuple[DatabaseTable, ...]:
    """Return the tables of migrations and code, each once, by name."""
    found = {item.name: item for code in files.values() for item in code.tables}
    found |= {item.name: item for item in created}
    return tuple(found[name] for name in sorted(found))
