"""The native dialect: `module.toml`, modelled on RusToK's `rustok-module.toml`.

docs/manifest.md describes every key.
"""

from __future__ import annotations

from keyword import iskeyword
from typing import TYPE_CHECKING, Any

from xtask.diagnostics import did_you_mean
from xtask.manifest import cron, grammar
from xtask.manifest.dialects.shared import check_parameters
from xtask.manifest.module import (
    App,
    EntryPoint,
    Hook,
    Job,
    Migration,
    Module,
    Navigation,
    Permission,
    Requirement,
    Route,
    Router,
    Setting,
)
from xtask.manifest.setting import read_setting
from xtask.manifest.table import shortened

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from xtask.diagnostics import Place
    from xtask.manifest.folder import Folder
    from xtask.manifest.table import Table

NAME_OF_DIALECT = "native"
PLATFORM: frozenset[str] = frozenset()
_CLASSES = ("additive", "maintenance")


def recognises(values: Mapping[str, Any]) -> bool:  # noqa: ARG001 - as all dialects do
    """Return that every `module.toml` is ours."""
    return True


def read(table: Table, folder: Folder | None) -> Module:
    """Return the module that a `module.toml` describes; see `Dialect.read`."""
    root = folder.root if folder else None
    identity, host = table.table("module"), table.table("host")
    name = identity.text("name", grammar=grammar.NAME)
    package = identity.text(
        "package",
        default=name.replace("-", "_"),
        grammar=grammar.PACKAGE,
    )
    if iskeyword(package):
        message = f"`{package}` is a word of Python's grammar, no package can be called that"
        identity.wrong("XT0205", message, "package", help='name another: `package = "…"`')
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
        migrate=_entry_point(host, "migrate", package) if "migrate" in host else None,
        requires=_requires(table.table("requires")),
        routers=tuple(_router(item, package) for item in api.tables("routers")),
        apps=tuple(_app(item, package) for item in api.tables("apps")),
        routes=tuple(_route(item, name) for item in front_end.tables("routes")),
        navigation=tuple(_navigation(item) for item in front_end.tables("navigation")),
        permissions=_permissions(table.table("permissions"), name),
        settings=_settings(table.table("settings")),
        jobs=tuple(_job(item, package, name) for item in table.tables("jobs")),
        hooks=tuple(_hook(item, package) for item in table.tables("hooks")),
        migrations=_migrations(table.table("migrations"), root, package),
        assets=_folder(table, "assets"),
        health=_health(table),
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
    return version and identity.checked(version, "version", grammar.VERSION, "XT0206")


def _requires(table: Table) -> tuple[Requirement, ...]:
    found = []
    for name in table.keys():  # noqa: SIM118 - not a dict
        table.require_key(name, grammar.NAME)
        found.append(Requirement(name, table.text(name), table.place.at(name)))
    table.done()
    return tuple(sorted(found))


def _entry_point(table: Table, key: str, package: str) -> EntryPoint:
    text = table.text(key, grammar=grammar.ENTRY_POINT)
    module, _, attribute = text.partition(":")
    first, *rest = module.split(".")
    if word := next((name for name in (*rest, attribute) if iskeyword(name)), None):
        table.wrong(
            "XT0205",
            f"`{word}` is a word of Python's grammar, nothing can be called that",
            key,
            help=grammar.ENTRY_POINT.rule,
        )
    elif text and package and first != package:
        table.wrong(
            "XT0212",
            f"`{module}` is not in this module's package `{package}`",
            key,
            help="a module loads its own code only",
        )
    return EntryPoint(module, attribute)


def _settings(table: Table) -> tuple[Setting, ...]:
    found = []
    for key, keys in table.items():
        table.require_key(key, grammar.SETTING)
        found.append(read_setting(key, keys))
    return tuple(found)


def _prefix(table: Table) -> str:
    return table.text("prefix", grammar=grammar.PREFIX)


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
        path=table.text("path", grammar=grammar.ROUTE),
        entry=table.text("entry", grammar=grammar.FILE),
        title=table.text("title", default=""),
        place=table.place,
    )
    check_parameters(table, "path", route.path, help="choose another name after the colon")
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
        _require_owned(table, name, table.place.at(name, part="key"), module)
        found.append(Permission(name, table.text(name), table.place.at(name)))
    table.done()
    return tuple(sorted(found))


def _owned_name(table: Table, key: str, module: str) -> str:
    name = table.text(key)
    if name:
        _require_owned(table, name, table.place.at(key), module)
    return name


def _require_owned(table: Table, name: str, place: Place, module: str) -> None:
    """Note a name that is not `<module>.<something>`: names of two modules then never meet."""
    owner = module.replace("_", "-")
    if owner and (not grammar.EVENT.matches(name) or name.split(".", maxsplit=1)[0] != owner):
        table.problems.add(
            "XT0205",
            f"`{shortened(name)}` is not a name that begins with `{owner}.`",
            place,
            help=f"write `{owner}.` and then lower-case words, digits, `-` and `.`",
        )


def _job(table: Table, package: str, module: str) -> Job:
    job = Job(
        name=_owned_name(table, "name", module),
        target=_entry_point(table, "run", package),
        schedule=table.text("schedule"),
        place=table.place,
    )
    if job.schedule and (wrong := cron.misfit(job.schedule)):
        table.wrong(
            "XT0205",
            f"`{shortened(job.schedule)}` {wrong}",
            "schedule",
            help="five fields: minute hour day month weekday, such as `*/5 * * * *`",
        )
    table.done()
    return job


def _hook(table: Table, package: str) -> Hook:
    hook = Hook(
        event=table.text("event", grammar=grammar.EVENT),
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
    folder = table.text("directory", grammar=grammar.FILE)
    table.done()
    return folder


def _health(document: Table) -> str | None:
    table = document.table("health")
    if "health" not in document:
        return None
    path = table.text("path", grammar=grammar.PREFIX)
    table.done()
    return path


def package_root(root: Path, package: str) -> Path:
    """Return the folder of a module's import package: `src/<package>` or `<package>`."""
    source = root / "src" / package
    return source if source.is_dir() else root / package


def _migrations(table: Table, root: Path | None, package: str) -> tuple[Migration, ...]:
    """Return the pairs of migration files, in order; each up file needs its down file."""
    folder = table.text("directory", default="", grammar=grammar.FILE)
    classes = table.table("classes")
    declared = {stem: classes.choice(stem, _CLASSES) for stem in classes.keys()}  # noqa: SIM118
    for part in (classes, table):
        part.done()
    if not folder or not package or root is None:
        return ()
    place = table.place.at("directory")
    try:
        names = sorted(path.name for path in (package_root(root, package) / folder).iterdir())
    except OSError:  # not there, not a folder, not readable
        table.problems.add(
            "XT0211",
            f"there is no folder `{folder}` in package `{package}`",
            place,
            help=f"it is looked for in {package_root(root, package).relative_to(root)}",
        )
        return ()
    up = {name.removesuffix(".up.sql") for name in names if name.endswith(".up.sql")}
    down = {name.removesuffix(".down.sql") for name in names if name.endswith(".down.sql")}
    for stem in sorted(up ^ down):
        half = "down" if stem in up else "up"
        table.problems.add(
            "XT0211",
            f"migration `{stem}` has no `{stem}.{half}.sql`",
            place,
            help="a release can only be rolled back when every step has a way down"
            if half == "down"
            else "a way down without a way up is never run: write it, or remove the file",
        )
    for stem in declared.keys() - (up & down):
        message = f"there is no migration `{shortened(stem)}`"
        tip = did_you_mean(stem, up & down) or "name one as its files are, without `.up.sql`"
        classes.wrong("XT0211", message, stem, help=tip)
    return tuple(
        Migration(f"{folder}/{stem}.up.sql", f"{folder}/{stem}.down.sql", declared.get(stem, ""))
        for stem in sorted(up & down)
    )


def _require_assets(module: Module, front_end: Table) -> None:
    """Note routes whose ES module is not there."""
    if not module.routes or module.root is None or not module.package:
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
        if module.assets and route.entry and not (folder / route.entry).is_file():
            front_end.problems.add(
                "XT0211",
                f"there is no file `{route.entry}` in the assets of `{module.name}`",
                route.place.at("entry"),
                help=f"it is looked for in {folder.relative_to(module.root)}",
            )
