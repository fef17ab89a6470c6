"""The capability dialect: `manifest.json` of a module for an automation platform.

It has two formats. The first nests all that a module brings in `capabilities`; the second is flat
and has an `entry`, the file whose router answers the module's API. docs/dialects.md describes every
key.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xtask.manifest import grammar
from xtask.manifest.dialects import shared
from xtask.manifest.dialects.capability.code import read_capabilities, read_entry
from xtask.manifest.dialects.capability.dependencies import read_dependencies
from xtask.manifest.dialects.capability.handlers import Code, Identity
from xtask.manifest.dialects.capability.pages import FrontEnd, read_flat, read_nested
from xtask.manifest.dialects.capability.settings import read_settings
from xtask.manifest.dialects.migrations import (
    migration_tables,
    numbered_migrations,
    other_files,
)
from xtask.manifest.dialects.sdk import refuse_sdk
from xtask.manifest.folder import Folder
from xtask.manifest.module import (
    DatabaseTable,
    Migration,
    Module,
    Operation,
    Permission,
)
from xtask.manifest.operations import openapi_path, unnamed
from xtask.manifest.table import Table, shortened

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

NAME_OF_DIALECT = "capability"
PLATFORM = frozenset({"fastapi", "pydantic", "sqlalchemy", "starlette"})

# Browser extensions and web apps have files of this name too.
_OWN_KEYS = frozenset({"capabilities", "contributions", "displayName", "entry", "jobs"})
_NAME = grammar.Grammar(
    r"[a-z][a-z0-9]*(-[a-z0-9]+)*",
    "a name in kebab case",
    "lower-case letters, digits, and single `-` between them, such as `vmware-vcenter`",
)
_PERMISSION = grammar.Grammar(
    r"[a-z][a-z0-9_.-]*(:[a-z0-9_.*-]+)+",
    "a permission",
    "a resource, a colon and an action, such as `vmware:read`",
)
_SHORTEST_NAME, _LONGEST_NAME = 3, 50
# What a module asks of the platform's sandbox, in the same list as the rights of users.
_SANDBOX = ("database:", "filesystem:", "network:", "storage:", "system:")


def recognises(values: Mapping[str, Any]) -> bool:
    """Return whether a `manifest.json` has a key that only this dialect's have."""
    return not _OWN_KEYS.isdisjoint(values) and "manifest_version" not in values


def read(table: Table, folder: Folder | None) -> Module:
    """Return the module that a `manifest.json` describes; see `Dialect.read`."""
    is_nested = "capabilities" in table
    identity = _identity(table, folder, "modules" if is_nested else "m")
    version = table.text("version")
    code, front_end = _capabilities(table, identity) if is_nested else _flat(table, identity)
    migrations, tables = _migrations(table, folder)
    needs = read_dependencies(table.table("dependencies"), is_nested=is_nested)
    asked = code.needs.union(*(route.permissions for route in front_end.routes))
    module = Module(
        name=identity.name,
        version=version and table.checked(version, "version", grammar.VERSION, "XT0206"),
        description=_sized(table, "description", 500),
        license=table.text("license", default="") or None,
        package=identity.package,
        dialect=NAME_OF_DIALECT,
        place=table.place,
        root=folder.root if folder else None,
        is_package=True,
        requires=needs.modules,
        foreign=next(iter(code.foreign), None),
        routers=tuple(code.routers),
        endpoints=tuple(code.endpoints),
        operations=_operations(code, identity, table),
        routes=front_end.routes,
        navigation=front_end.navigation,
        permissions=_permissions(table, asked),
        settings=(*read_settings(table, code.patterns), *code.settings),
        jobs=tuple(code.jobs),
        hooks=tuple(code.hooks),
        emits=tuple(code.emits),
        migrations=migrations,
        tables=tables,
        assets=front_end.assets,
        front_end_dependencies=needs.packages,
        node=needs.node,
    )
    _read_about(table)
    table.done()
    return module


def _identity(table: Table, folder: Folder | None, kind: str) -> Identity:
    name = table.text("name", grammar=_NAME)
    if name and not _SHORTEST_NAME <= len(name) <= _LONGEST_NAME:
        message = f"`{shortened(name)}` has {len(name)} characters"
        tip = f"a name has {_SHORTEST_NAME} to {_LONGEST_NAME}"
        table.wrong("XT0205", message, "name", help=tip)
        name = ""
    package = shared.package_name(table, "name", name, "modules")
    prefix = f"/api/v1/{kind}/{name}" if package else ""
    title = _sized(table, "displayName", 100)
    return Identity(name, title, package, prefix, folder, is_nested=kind == "modules")


def _sized(table: Table, key: str, longest: int) -> str:
    """Return a text of one character or more, and not more than the longest."""
    text = table.text(key)
    if table.kind(key) is str and not 1 <= len(text) <= longest:
        message = f"`{key}` has {len(text)} characters"
        table.wrong("XT0205", message, key, help=f"write 1 to {longest}")
    return text


def _capabilities(table: Table, identity: Identity) -> tuple[Code, FrontEnd]:
    capabilities, code = table.table("capabilities"), Code()
    read_capabilities(capabilities, identity, code)
    front_end = read_nested(capabilities.table("ui"), identity)
    capabilities.done()
    return code, front_end


def _flat(table: Table, identity: Identity) -> tuple[Code, FrontEnd]:
    code = Code()
    read_entry(table, identity, code)
    return code, read_flat(table, identity)


def _operations(code: Code, identity: Identity, table: Table) -> tuple[Operation, ...]:
    """Return what is answered as far as it is seen; imports of other modules are noted too.

    A route of the manifest without a handler says what the entry's router answers, so it is not
    there again when its code was seen.
    """
    seen: tuple[Operation, ...] = ()
    if identity.folder and not code.foreign:
        files = shared.python_files(identity.folder, table.problems)
        shared.refuse_imports_of_modules(files, identity.package, table.problems)
        refuse_sdk(files, identity.package, (), table.problems)
        package = identity.package
        seen = shared.operations(code.routers, package, identity.folder, files, table.problems)
    known = {(_template(item.path), item.method) for item in seen}
    said = [item for item in code.operations if (_template(item.path), item.method) not in known]
    return tuple(sorted((*seen, *said), key=lambda item: (item.path, item.method)))


def _template(path: str) -> str:
    """Return a path without the names and convertors of its parameters."""
    return unnamed(openapi_path(path))


def _migrations(
    table: Table, folder: Folder | None
) -> tuple[tuple[Migration, ...], tuple[DatabaseTable, ...]]:
    """Return the steps in the folder that `migrations` names, and the tables that they create."""
    written = table.text("migrations", default="").removeprefix("./").removesuffix("/")
    is_named = table.kind("migrations") is str
    path = table.checked(written, "migrations", grammar.FILE) if is_named else "migrations"
    parent, _, last = path.rpartition("/")
    if path and last != "migrations":
        message = f"`{shortened(path)}` is not a folder of migrations"
        tip = "call the folder `migrations`, with files such as `001_initial.sql`"
        table.wrong("XT0205", message, "migrations", help=tip)
        return (), ()
    if not path or folder is None or not (is_named or folder.has_folder(path)):
        return (), ()
    if not folder.has_folder(path):
        message = f"there is no folder `{shortened(path)}`"
        table.wrong("XT0211", message, "migrations", help="write it, or remove the key")
        return (), ()
    inside = Folder(folder.root / parent, f"{folder.shown}/{parent}".rstrip("/"))
    steps = numbered_migrations(inside, table.problems)
    tables = migration_tables(inside, steps, table.problems)
    if not inside.matching("migrations/*.sql") and not other_files(inside):
        message, place = f"`{shortened(path)}` holds no `.sql`", folder.place(path)
        tip = "write each step in SQL, such as `001_initial.sql`; nothing else is run"
        table.problems.warn("XT0221", message, place, help=tip)
    prefix = f"{parent}/" if parent else ""
    return tuple(Migration(prefix + step.up, prefix + step.down) for step in steps), tables


def _permissions(table: Table, asked: Collection[str]) -> tuple[Permission, ...]:
    """Return the rights of users; what only the sandbox reads is warned of (XT0223)."""
    names, found = table.texts("permissions"), []
    for index, name in enumerate(table.value("permissions") if names else ()):
        place = table.place.at("permissions", index)
        if not isinstance(name, str):
            continue
        if not _PERMISSION.matches(name):
            message = f"`{shortened(name)}` is not {_PERMISSION.meaning}"
            table.problems.add("XT0205", message, place, help=_PERMISSION.rule)
        elif name.startswith(_SANDBOX) and name not in asked:
            message = f"`{name}` asks a sandbox, and a composed product has none"
            tip = "remove it; a right of users is named in `permissions` of a route or page"
            table.problems.warn("XT0223", message, place, help=tip)
        else:
            found.append(Permission(name, "", place))
    return tuple(sorted(found, key=lambda item: item.name))


def _read_about(table: Table) -> None:
    """Check what is for people only."""
    _sized(table, "author", 200)
    about = table.table("metadata")
    for key in ("homepage", "repository", "bugs", "category"):
        about.text(key, default="")
    about.texts("tags")
    about.done()
    table.ignore("$schema")
    if "entry" in table:  # V2 has them at the top too, for a marketplace
        table.ignore("icon", "category")
