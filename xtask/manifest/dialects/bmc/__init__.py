"""The BMC dialect: `module.json` of a module for the BMC Hub.

Most is convention there: a folder with `backend/router.py` for the API, `frontend/views.py` and
`templates/` for pages in HTML, and `migrations/`. docs/dialects.md says what becomes of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xtask.manifest import grammar
from xtask.manifest.code import symbol
from xtask.manifest.dialects import shared
from xtask.manifest.dialects.bmc import code as bmc_code
from xtask.manifest.dialects.migrations import migration_tables, numbered_migrations
from xtask.manifest.dialects.sdk import refuse_sdk
from xtask.manifest.module import (
    EntryPoint,
    Module,
    Permission,
    Requirement,
    Router,
    Setting,
    Stated,
)
from xtask.manifest.table import Table, shortened

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xtask.diagnostics import Place
    from xtask.manifest.folder import Folder

NAME_OF_DIALECT = "bmc"
PLATFORM = frozenset({"fastapi", "pydantic", "sqlalchemy", "starlette"})
OFFERED = ("app.core.auth", "app.core.config", "app.core.database")

# What Flux's modules do not have, the other dialect with this file name; and what only they have.
_OWN_KEYS = frozenset({"enabled", "api_prefix", "routes_prefix", "features"})
_SHARED_KEY = "table_prefix"
_KEYS_OF_FLUX = frozenset(
    {"display_name", "min_app_version", "hooks", "navigation", "frontend", "module_id"}
)
_ANY_VERSION = ""
# Where code is looked for, and what mounts it.
_BACK_END, _VIEWS = "backend.router", "frontend.views"
_PAGE = "templates/index.html"
_TABLE_PREFIX = grammar.Grammar(
    r"[a-z][a-z0-9_]*_", "a prefix of table names", "end it with `_`: `invoice_`"
)
_PERMISSION = grammar.Grammar(
    r"[a-z][a-z0-9_-]*([.:][a-z0-9_-]+)*",
    "a permission",
    "lower-case words with a dot or colon between them, such as `invoices:read`",
)
_SWITCHES = {
    "dry_run": "Say what would be changed elsewhere, and do not change it",
    "read_only": "Change nothing that is stored",
}
_TYPES: dict[type, str] = {bool: "boolean", int: "integer", float: "number", str: "string"}


def recognises(values: Mapping[str, Any]) -> bool:
    """Return whether a `module.json` has a key that only ours have, or one that Flux's have too."""
    if not _OWN_KEYS.isdisjoint(values):
        return True
    return _SHARED_KEY in values and _KEYS_OF_FLUX.isdisjoint(values)


def read(table: Table, folder: Folder | None) -> Module:
    """Return the module that a `module.json` describes; see `Dialect.read`."""
    problems = table.problems
    name = _name(table, folder)
    package = shared.package_name(table, "name", name, "app.modules")
    files = shared.python_files(folder, problems) if folder else {}
    routers = _routers(table, name, package, folder)
    operations = shared.operations(routers, package, folder, files, problems)
    migrations = numbered_migrations(folder, problems) if folder else ()
    created = migration_tables(folder, migrations, problems) if folder else ()
    version = table.text("version", default="0.0.0")
    module = Module(
        name=name,
        version=version and table.checked(version, "version", grammar.VERSION, "XT0206"),
        description=table.text("description", default=""),
        license=table.text("license", default="") or None,
        package=package,
        dialect=NAME_OF_DIALECT,
        place=table.place,
        root=folder.root if folder else None,
        is_package=True,
        requires=_requires(table),
        disabled=_disabled(table),
        routers=routers,
        operations=operations,
        permissions=_permissions(table),
        settings=_settings(table),
        migrations=migrations,
        tables=bmc_code.tables(created, files),
        table_prefix=_table_prefix(table, name),
        assets="static" if folder and folder.has_folder("static") else None,
        health=bmc_code.health(table, operations, routers) if folder else None,
    )
    table.text("author", default="")
    for key in ("tags", "features"):  # in manifests for people only
        table.texts(key)
    table.done()
    bmc_code.require_prefix(module, problems)
    if folder:
        bmc_code.warn_of_placeholders(table, folder, files)
        shared.refuse_imports_of_modules(files, package, problems)
        refuse_sdk(files, package, OFFERED, problems)
    return module


def _name(table: Table, folder: Folder | None) -> str:
    """Return the folder's name, which is the module's; one that begins with `_` is a template."""
    shown = folder.name if folder else None
    name = table.text("name", default=shown, grammar=grammar.NAME if "name" in table else None)
    if shown is None or table.kind("name") not in {str, None}:
        return name
    if not grammar.NAME.matches(shown):
        message = f"a folder called `{shortened(shown)}` is not a module"
        is_template = shown.startswith("_")
        tip = "it is a template: copy it under a name of its own" if is_template else None
        table.problems.add("XT0205", message, table.place, help=tip or grammar.NAME.rule)
        return name if "name" in table else ""
    if name and name != shown:
        message = f"module `{name}` is in a folder called `{shown}`"
        table.wrong("XT0208", message, "name", help="the two must be equal: rename one of them")
    return name


def _disabled(table: Table) -> Stated | None:
    if table.boolean("enabled", default=True):
        return None
    return Stated("`enabled` is false", table.place.at("enabled"))


def _requires(table: Table) -> tuple[Requirement, ...]:
    """Return the modules that it needs: names, tables with a name, or one table with ranges."""
    key = "dependencies"
    found: list[Requirement] = []
    if table.kind(key) is dict:
        ranges = table.table(key)
        for name in ranges.keys():  # noqa: SIM118 - not a dict
            ranges.require_key(name, grammar.NAME)
            found.append(Requirement(name, ranges.text(name), ranges.place.at(name)))
    elif table.kind(key) is not list:
        table.texts(key)
    entries = table.value(key) if table.kind(key) is list else ()
    for index, entry in enumerate(entries):
        values = entry if isinstance(entry, dict) else {"name": entry}
        place = table.place.at(key, index)
        item = Table(values, place, table.problems, f"an entry of `{key}`")
        name = item.text("name", grammar=grammar.NAME)
        found.append(Requirement(name, item.text("version", default=_ANY_VERSION), place))
        item.done()
    return tuple(sorted(found, key=lambda item: item[:2]))


def _routers(table: Table, name: str, package: str, folder: Folder | None) -> tuple[Router, ...]:
    """Return the router of the API, and the one of the pages in HTML when there are views."""
    api, pages = f"/api/v1/{name}", f"/{name}"
    written = table.text("api_prefix", default=api, grammar=grammar.PREFIX)
    if written not in {api, ""}:
        message = f"`{shortened(written)}` is not where the API of `{name}` is"
        table.wrong("XT0205", message, "api_prefix", help=f"write `{api}`, or remove the key")
    pages = table.text("routes_prefix", default=pages, grammar=grammar.PREFIX)
    place = table.place.at("name" if "name" in table else "enabled")
    found = []
    has_views = folder is not None and folder.has_folder("frontend")
    if folder is None or folder.has_folder("backend") or not has_views:
        found.append(Router(api, EntryPoint(f"{package}.{_BACK_END}", "router"), place))
    else:
        _warn_without_effect(table, "api_prefix", "there is no `backend/`")
    if has_views:
        found.append(Router(pages, EntryPoint(f"{package}.{_VIEWS}", "router"), place))
    elif folder:
        _warn_without_effect(table, "routes_prefix", "there is no `frontend/`")
    if folder:
        for router in found:
            module = router.target.module.removeprefix(f"{package}.")
            symbol(folder, module, "router", place, table.problems)
    if folder and has_views and not folder.has_file(_PAGE):
        message = f"there are views and no `{_PAGE}`"
        table.problems.add("XT0211", message, place, help="write the page, or remove `frontend/`")
    return tuple(router for router in found if package and router.prefix)


def _warn_without_effect(table: Table, key: str, why: str) -> None:
    if key in table:
        message = f"`{key}` changes nothing: {why}"
        tip = "remove the key, or write what it is for"
        table.problems.warn("XT0223", message, table.place.at(key, part="key"), help=tip)


def _permissions(table: Table) -> tuple[Permission, ...]:
    names = table.texts("permissions")
    found = []
    for index, name in enumerate(table.value("permissions") if names else ()):
        place = table.place.at("permissions", index)
        if isinstance(name, str) and _PERMISSION.matches(name):
            found.append(Permission(name, "", place))
        elif isinstance(name, str):
            message = f"`{shortened(name)}` is not {_PERMISSION.meaning}"
            table.problems.add("XT0205", message, place, help=_PERMISSION.rule)
    return tuple(sorted(found, key=lambda item: item.name))


def _settings(table: Table) -> tuple[Setting, ...]:
    """Return the two switches, which are on until an environment says otherwise, and `config`."""
    config = table.table("config")
    switches = config.table("safety_switches")
    found = {}
    for key, description in _SWITCHES.items():
        if not switches.boolean(key, default=True):
            message = f"`{key}` is on until somebody turns it off"
            tip = "write `true`, and turn it off for one environment of the product"
            switches.wrong("XT0210", message, key, help=tip)
        place = switches.place.at(key) if key in switches else table.place
        found[key] = _setting(key, "boolean", True, description, place)  # noqa: FBT003
    switches.done()
    for key in config.keys():  # noqa: SIM118 - not a dict
        if key == "safety_switches":
            continue
        config.require_key(key, grammar.SETTING)
        value = config.scalar(key)
        if key in found:
            tip = "write it in `safety_switches`: it is true until an environment turns it off"
            config.wrong("XT0205", f"`{key}` is a safety switch", key, help=tip)
        if value is not None and grammar.SETTING.matches(key):
            found.setdefault(
                key, _setting(key, _TYPES[type(value)], value, "", config.place.at(key))
            )
    return tuple(found[key] for key in sorted(found))


def _setting(key: str, kind: str, default: object, description: str, place: Place) -> Setting:
    return Setting(key, kind, default, False, description, None, None, (), False, place)  # noqa: FBT003


def _table_prefix(table: Table, name: str) -> Stated | None:
    if "table_prefix" in table:
        prefix = table.text("table_prefix", grammar=_TABLE_PREFIX)
        return Stated(prefix, table.place.at("table_prefix")) if prefix else None
    table.ignore("table_prefix")
    return Stated(f"{name.replace('-', '_')}_", table.place) if name else None
