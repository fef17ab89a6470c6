"""The native dialect: `module.toml`, modelled on RusToK's `rustok-module.toml`.

docs/manifest.md describes every key.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from xtask.manifest.composition import NAME, NAME_MEANING
from xtask.manifest.cron import is_schedule
from xtask.manifest.module import (
    App,
    EntryPoint,
    Hook,
    Job,
    Module,
    Navigation,
    Permission,
    Requirement,
    Route,
    Router,
)
from xtask.manifest.setting import read_setting

if TYPE_CHECKING:
    from pathlib import Path

    from xtask.manifest.table import Table

NAME_OF_DIALECT = "native"
FILENAME = "module.toml"

_VERSION = re.compile(
    r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)"
    r"(-[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?(\+[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?"
)
_PACKAGE = re.compile(r"[a-z][a-z0-9_]*")
_ENTRY_POINT = re.compile(r"([a-z][a-z0-9_]*(?:\.[a-z_][a-z0-9_]*)*):([A-Za-z_][A-Za-z0-9_]*)")
_PREFIX = re.compile(r"(/[A-Za-z0-9._~-]+)+")
_PATH = re.compile(r"/|(/([A-Za-z0-9._~-]+|:[a-z][a-z0-9_]*))+")
_DOTTED = re.compile(r"[a-z][a-z0-9-]*(\.[a-z][a-z0-9-]*)+")
_FILE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*(/[A-Za-z0-9_][A-Za-z0-9._-]*)*")


def read(table: Table, root: Path | None) -> Module:
    """Return the module that a `module.toml` describes.

    Args:
        table: the whole document; what is wrong with it goes to its problems.
        root: the module's folder, None when its files are in a published wheel.
    """
    identity, host = table.table("module"), table.table("host")
    name = identity.text("name", grammar=NAME, meaning=NAME_MEANING)
    package = identity.text(
        "package",
        default=name.replace("-", "_"),
        grammar=_PACKAGE,
        meaning="a Python package: lower-case letters, digits and `_`",
    )
    front_end, api = table.table("frontend"), table.table("api")
    module = Module(
        name=name,
        version=_version(identity, required=root is not None),
        description=identity.text("description", default=""),
        license=identity.optional_text("license"),
        package=package,
        dialect=NAME_OF_DIALECT,
        place=identity.place,
        root=root,
        host=_entry_point(host, "main", package) if "host" in table else None,
        requires=_requires(table.table("requires")),
        routers=tuple(_router(item, package) for item in api.tables("routers")),
        apps=tuple(_app(item, package) for item in api.tables("apps")),
        routes=tuple(_route(item, name) for item in front_end.tables("routes")),
        navigation=tuple(_navigation(item) for item in front_end.tables("navigation")),
        permissions=_permissions(table.table("permissions"), name),
        settings=tuple(read_setting(key, item) for key, item in table.table("settings").items()),
        jobs=tuple(_job(item, package, name) for item in table.tables("jobs")),
        hooks=tuple(_hook(item, package) for item in table.tables("hooks")),
        migrations=_migrations(table.table("migrations"), root, package),
        assets=_folder(table, "assets"),
        health=_health(table.table("health")),
    )
    for part in (identity, host, front_end, api, table):
        part.done()
    _require_assets(module, front_end)
    return module


def _version(identity: Table, *, required: bool) -> str | None:
    if not required and "version" not in identity:
        identity.optional_text("version")
        return None
    version = identity.text("version")
    if version and not _VERSION.fullmatch(version):
        identity.wrong(
            "XT0206",
            f"`{version}` is not a semantic version",
            "version",
            help="write three numbers: `1.0.0` (semver.org 2.0.0)",
        )
    return version


def _requires(table: Table) -> tuple[Requirement, ...]:
    found = []
    for name in table.keys():  # noqa: SIM118 - not a dict
        if not NAME.fullmatch(name):
            table.require_grammar(name, name, grammar=NAME, meaning=NAME_MEANING)
        found.append(Requirement(name, table.text(name), table.place.at(name)))
    table.done()
    return tuple(sorted(found))


def _entry_point(table: Table, key: str, package: str) -> EntryPoint:
    text = table.text(key)
    found = _ENTRY_POINT.fullmatch(text)
    if text and not found:
        table.wrong(
            "XT0205",
            f"`{text}` is not `package.module:attribute`",
            key,
            help=f"such as `{package}.{key}:{key}`",
        )
    elif found and found[1].split(".")[0] != package:
        table.wrong(
            "XT0212",
            f"`{found[1]}` is not in this module's package `{package}`",
            key,
            help="a module loads its own code only",
        )
    return EntryPoint(found[1], found[2]) if found else EntryPoint("", "")


def _prefix(table: Table) -> str:
    return table.text("prefix", grammar=_PREFIX, meaning="a path prefix such as `/api/shop`")


def _router(table: Table, package: str) -> Router:
    router = Router(_prefix(table), _entry_point(table, "router", package), table.place)
    table.done()
    return router


def _app(table: Table, package: str) -> App:
    target = _entry_point(table, "app", package)
    app = App(_prefix(table), target, table.boolean("factory"), table.place)
    table.done()
    return app


def _route(table: Table, module: str) -> Route:
    route = Route(
        name=_owned_name(table, "name", module),
        path=table.text("path", grammar=_PATH, meaning="a route path such as `/articles/:id`"),
        entry=table.text("entry", grammar=_FILE, meaning="a file in the assets folder"),
        title=table.text("title", default=""),
        place=table.place,
    )
    table.done()
    return route


def _navigation(table: Table) -> Navigation:
    link = Navigation(
        label=table.text("label"),
        route=table.text("route"),
        order=table.integer("order", default=100),
        permission=table.optional_text("permission"),
        place=table.place,
    )
    table.done()
    return link


def _permissions(table: Table, module: str) -> tuple[Permission, ...]:
    found = []
    for name in table.keys():  # noqa: SIM118 - not a dict
        _require_owned(table, name, name, module)
        found.append(Permission(name, table.text(name), table.place.at(name)))
    table.done()
    return tuple(sorted(found))


def _owned_name(table: Table, key: str, module: str) -> str:
    name = table.text(key)
    if name:
        _require_owned(table, name, key, module)
    return name


def _require_owned(table: Table, name: str, key: str, module: str) -> None:
    """Note a name that is not `<module>.<something>`: names of two modules then never meet."""
    if not _DOTTED.fullmatch(name) or name.split(".", maxsplit=1)[0] != module.replace("_", "-"):
        owner = module.replace("_", "-")
        table.wrong(
            "XT0205",
            f"`{name}` is not a name of `{module}`",
            key,
            help=f"write `{owner}.` and then lower-case words, digits, `-` and `.`",
        )


def _job(table: Table, package: str, module: str) -> Job:
    job = Job(
        name=_owned_name(table, "name", module),
        target=_entry_point(table, "run", package),
        schedule=table.text("schedule"),
        place=table.place,
    )
    if job.schedule and not is_schedule(job.schedule):
        table.wrong(
            "XT0205",
            f"`{job.schedule}` is not a schedule",
            "schedule",
            help="five fields: minute hour day month weekday, such as `*/5 * * * *`",
        )
    table.done()
    return job


def _hook(table: Table, package: str) -> Hook:
    hook = Hook(
        event=table.text("event", grammar=_DOTTED, meaning="an event such as `shop.order.placed`"),
        target=_entry_point(table, "run", package),
        order=table.integer("order", default=100),
        place=table.place,
    )
    table.done()
    return hook


def _folder(document: Table, key: str) -> str | None:
    table = document.table(key)
    if key not in document:
        return None
    folder = table.text("directory", grammar=_FILE, meaning="a folder in the package")
    table.done()
    return folder


def _health(table: Table) -> str | None:
    path = table.optional_text("path")
    if path is not None:
        table.require_grammar(path, "path", grammar=_PREFIX, meaning="a path")
    table.done()
    return path


def package_root(root: Path, package: str) -> Path:
    """Return the folder of a module's import package: `src/<package>` or `<package>`."""
    source = root / "src" / package
    return source if source.is_dir() else root / package


def _migrations(table: Table, root: Path | None, package: str) -> tuple[str, ...]:
    """Return the stems of the migration pairs, in order; each up file needs its down file."""
    folder = table.text("directory", default="", grammar=_FILE, meaning="a folder in the package")
    table.done()
    if not folder or root is None:
        return ()
    place = table.place.at("directory")
    try:
        names = sorted(path.name for path in (package_root(root, package) / folder).iterdir())
    except OSError:
        table.problems.add("XT0211", f"there is no folder `{folder}` in package `{package}`", place)
        return ()
    up = {name.removesuffix(".up.sql") for name in names if name.endswith(".up.sql")}
    down = {name.removesuffix(".down.sql") for name in names if name.endswith(".down.sql")}
    for stem in sorted(up ^ down):
        half = "down" if stem in up else "up"
        table.problems.add("XT0211", f"migration `{stem}` has no `{stem}.{half}.sql`", place)
    return tuple(f"{folder}/{stem}" for stem in sorted(up & down))


def _require_assets(module: Module, front_end: Table) -> None:
    """Note routes whose ES module is not there."""
    if not module.routes or module.root is None:
        return
    if module.assets is None:
        front_end.problems.add(
            "XT0202",
            f"`{module.name}` has routes but no assets folder",
            front_end.place,
            help='add `[assets]` with `directory = "static"`',
        )
        return
    folder = package_root(module.root, module.package) / module.assets
    for route in module.routes:
        if route.entry and not (folder / route.entry).is_file():
            front_end.problems.add(
                "XT0211",
                f"there is no file `{route.entry}` in the assets of `{module.name}`",
                route.place.at("entry"),
            )
