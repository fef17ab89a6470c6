"""The FastVue dialect: `__manifest__.py`, one literal dict, which Odoo's addons have too.

The manifest is never executed. A folder with it and `__init__.py` is a package `modules.<name>`
whose `api` modules hold routers. A module of Odoo's is read, checked and resolved; it cannot be
built, because its code runs inside Odoo.
"""

from __future__ import annotations

import re
from keyword import iskeyword
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from xtask.diagnostics import Problems
from xtask.manifest import grammar
from xtask.manifest.dialects import shared
from xtask.manifest.dialects.fastvue import code as fastvue_code
from xtask.manifest.dialects.fastvue import odoo
from xtask.manifest.dialects.fastvue.menus import read_menus
from xtask.manifest.dialects.fastvue.odoo import entries
from xtask.manifest.dialects.fastvue.views import ASSETS, read_views
from xtask.manifest.dialects.sdk import refuse_sdk
from xtask.manifest.module import (
    Dependency,
    Module,
    Permission,
    Program,
    Requirement,
    Stated,
)
from xtask.manifest.table import shortened

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xtask.diagnostics import Place
    from xtask.manifest.folder import Folder
    from xtask.manifest.table import Table

NAME_OF_DIALECT = "fastvue"
PLATFORM = frozenset({"fastapi", "pydantic", "sqlalchemy", "starlette"})
OFFERED = ("app.api.deps", "app.core.config", "app.db.base")

_VERSION = "1.0.0"
_BASE = "base"
_PEOPLE = ("author", "website", "category")
_DATA_SUFFIXES = (".csv", ".xml", ".json")
_SYSTEM_PACKAGES = ("apt", "deb", "rpm", "npm")
_ELSEWHERE = {
    "access_rights": "say in `permissions` what there is to allow; groups are the application's",
    "model_access": "say in `permissions` what there is to allow; groups are the application's",
    "inherits": "let the model's class inherit in Python",
    "conflicts": "write `excludes`, which is what Odoo reads",
    "depends_if_installed": "name in `depends` what the module cannot do without",
}

FOLDER_NAME = grammar.Grammar(
    r"[a-z][a-z0-9]*(_[a-z0-9]+)*",
    "a name of a module",
    "lower-case letters, digits, and single `_` between them, such as `gift_cards`",
)
PERMISSION = grammar.Grammar(
    r"[A-Za-z0-9_-]+([.:][A-Za-z0-9_-]+)*",
    "a permission",
    "words with dots between them, such as `crm.lead.view`",
)


def recognises(values: Mapping[str, Any]) -> bool:  # noqa: ARG001 - as all dialects do
    """Return that every manifest of these names is ours."""
    return True


def read(table: Table, folder: Folder | None) -> Module:
    """Return the module that a `__manifest__.py` describes; see `Dialect.read`."""
    name = _name(table, folder)
    package = f"modules.{name}" if name else ""
    version = odoo.read_version(table, _VERSION)
    depends = entries(table, "depends")
    noted = Problems()
    files = shared.python_files(folder, noted) if folder else {}
    foreign = None if table.value("api") else odoo.runs_inside(table, files)
    external = table.table("external_dependencies")
    api = fastvue_code.read_api(table, package, folder, files)
    views = read_views(table, folder)
    front_end = read_menus(table, name, views, {module for module, _ in depends})
    module = Module(
        name=name,
        version=version.text if folder or "version" in table else None,
        description=_description(table),
        license=table.text("license", default="") or None,
        package=package,
        dialect=NAME_OF_DIALECT,
        place=table.place,
        named=table.place.at("technical_name"),
        root=folder.root if folder else None,
        is_package=True,
        requires=_requirements(depends, "", table.problems),
        conflicts=_requirements(entries(table, "excludes"), "", table.problems),
        auto_enabled_by=_auto_enabled_by(table, depends),
        disabled=_disabled(table),
        foreign=foreign,
        app_range=version.app_range,
        routers=api.routers,
        operations=api.operations,
        routes=front_end.routes,
        navigation=front_end.navigation,
        permissions=_permissions(table, folder),
        hooks=tuple(fastvue_code.read_hooks(table, package, folder)),
        tables=fastvue_code.model_tables(files.values()),
        overrides=_overrides(table),
        assets=ASSETS if front_end.routes or (folder and folder.has_folder(ASSETS)) else None,
        programs=tuple(sorted(Program(*entry) for entry in entries(external, "bin"))),
        dependencies=tuple(Dependency(*entry) for entry in entries(external, "python")),
    )
    odoo.require_data(table, folder)
    fastvue_code.require_packages(table, folder)
    _without_effect(table, external)
    for part in (external, table):
        part.done()
    if foreign is None:
        table.problems.found.extend(noted.found)
    if package and foreign is None:
        needed = [f"modules.{item.module.replace('-', '_')}" for item in module.requires]
        shared.refuse_imports_of_modules(files, package, table.problems, allowed=needed)
        refuse_sdk(files, package, OFFERED, table.problems)
    return module


def _name(table: Table, folder: Folder | None) -> str:
    """Return the folder's name, which is the module's; `technical_name` may only repeat it."""
    stated = table.text("technical_name", default="")
    manifest = PurePosixPath(table.place.source.path)
    name = folder.name if folder else stated or manifest.parent.name
    place = table.place.at("technical_name") if stated else table.place
    if stated and stated != name:
        message = f"module `{shortened(stated)}` is in a folder called `{shortened(name)}`"
        tip = "the two must be equal: rename one of them"
        table.problems.add("XT0208", message, place, help=tip)
    if FOLDER_NAME.matches(name) and not iskeyword(name):
        return name
    lower = name.lower().replace("-", "_")
    tip = f"call the folder `{lower}`" if FOLDER_NAME.matches(lower) else FOLDER_NAME.rule
    what = "a word of Python's grammar" if iskeyword(name) else f"not {FOLDER_NAME.meaning}"
    tip = FOLDER_NAME.rule if iskeyword(name) else tip
    table.problems.add("XT0205", f"`{shortened(name)}` is {what}", place, help=tip)
    return ""


def _description(table: Table) -> str:
    """Return the summary, else the first words of the description, else the name for people."""
    texts = [table.text(key, default="") for key in ("summary", "description")]
    lines = [" ".join(texts[0].split()), *texts[1].splitlines(), table.text("name")]
    words = (line.strip(" \t#=*-~") for line in lines)
    return next((line for line in words if any(sign.isalnum() for sign in line)), "")


def _requirements(
    names: list[tuple[str, Place]], range_text: str, problems: Problems
) -> tuple[Requirement, ...]:
    """Return named modules; `base` is FastVue itself, in whose place there is the product."""
    found = []
    for name, place in names:
        if not grammar.NAME.matches(name):
            message = f"`{shortened(name)}` is not {grammar.NAME.meaning}"
            problems.add("XT0205", message, place, help=grammar.NAME.rule)
        elif name != _BASE:
            found.append(Requirement(name, range_text, place))
    return tuple(sorted(found, key=lambda item: item.module))


def _auto_enabled_by(table: Table, depends: list[tuple[str, Place]]) -> tuple[str, ...] | None:
    """Return the modules that bring this one in: all of `depends`, or the ones that are named."""
    known = {_BASE, *(name for name, _ in depends)}
    key = "auto_install" if "auto_install" in table else "active"  # its name up to OpenERP 6.1
    if table.kind(key) is not list:
        return tuple(sorted(known - {_BASE})) if odoo.flag(table, key) else None
    named = entries(table, key)
    for name, place in named:
        if name not in known:
            message = f"`{shortened(name)}` is not in `depends`"
            tip = "add it there, or remove it here"
            table.problems.add("XT0204", message, place, help=tip)
    return tuple(sorted({name for name, _ in named} - {_BASE}))


def _disabled(table: Table) -> Stated | None:
    key = "installable"
    if odoo.flag(table, key, default=True):
        return None
    return Stated(f"`{key}` is {table.value(key)!r}", table.place.at(key))


def _permissions(table: Table, folder: Folder | None) -> tuple[Permission, ...]:
    """Return the names of both lists; a file, which FastVue's schema says, only has to exist."""
    found: dict[str, Permission] = {}
    for text, place in (*entries(table, "permissions"), *entries(table, "access_rules")):
        if "/" in text or text.endswith(_DATA_SUFFIXES):
            if folder and not folder.has_file(text):
                message = f"there is no file `{shortened(text)}` in `{folder.name}`"
                tip = "write the file, or names such as `crm.lead.view`"
                table.problems.add("XT0211", message, place, help=tip)
        elif PERMISSION.matches(text):
            found.setdefault(text, Permission(text, "", place))
        else:
            message = f"`{shortened(text)}` is not {PERMISSION.meaning}"
            table.problems.add("XT0205", message, place, help=PERMISSION.rule)
    return tuple(found[name] for name in sorted(found))


def _overrides(table: Table) -> tuple[str, ...]:
    """Return the modules whose parts are named on the left of `overrides`: `crm.api.routes`."""
    overrides = table.table("overrides")
    found = set()
    for key in overrides.keys():  # noqa: SIM118 - not a dict
        overrides.text(key)
        name = re.split(r"[./:]", key.removeprefix("/api/v1/").removeprefix("modules."))[0]
        if grammar.NAME.matches(name):
            found.add(name)
        else:
            message = f"`{shortened(key)}` does not begin with the name of a module"
            place = overrides.place.at(key, part="key")
            table.problems.add("XT0205", message, place, help="such as `crm.api.routes`")
    return tuple(sorted(found))


def _without_effect(table: Table, external: Table) -> None:
    """Check keys that change nothing in a product, and warn of those that seem to."""
    for key in _PEOPLE:
        if table.kind(key) is list:
            table.texts(key)
        else:
            table.text(key, default="")
    odoo.flag(table, "application")
    inherits = table.table("inherits")
    for key in inherits.keys():  # noqa: SIM118 - not a dict
        inherits.text(key)
    for key, tip in _ELSEWHERE.items():
        if table.value(key):
            message = f"`{key}` changes nothing in a product"
            table.problems.warn("XT0223", message, table.place.at(key, part="key"), help=tip)
    for key in _SYSTEM_PACKAGES:
        if external.value(key):
            message = f"packages of the operating system (`{key}`) come with the base"
            place = external.place.at(key, part="key")
            table.problems.warn("XT0223", message, place, help="choose a base that has them")
    table.ignore(*odoo.WITHOUT_EFFECT, "auto_install", "active")
    odoo.ignore_translations(table)
