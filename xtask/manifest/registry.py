"""`registry.json`: the list of modules that a Flux registry offers, by name and version."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from xtask.diagnostics import Place
from xtask.manifest import grammar
from xtask.manifest.dialects.flux import MODULE_ID
from xtask.manifest.notation.json import read_json
from xtask.manifest.table import Table

if TYPE_CHECKING:
    from pathlib import Path

    from xtask.diagnostics import Problems


class RegistryModule(NamedTuple):
    """One version of one module: the folder of its source, relative to the registry's file.

    `module_id` and `min_app_version` are empty when the registry does not say them.
    """

    name: str
    version: str
    path: str
    module_id: str
    display_name: str
    description: str
    author: str
    min_app_version: str
    tags: tuple[str, ...]
    place: Place


class Registry(NamedTuple):
    """What a registry says of itself, and the modules that it offers, by name and version."""

    name: str
    description: str
    version: str
    author: str
    website: str
    modules: tuple[RegistryModule, ...]
    place: Place


def read_registry(path: Path, shown: str, problems: Problems) -> Registry | None:
    """Read a registry's file; None when it cannot be read at all.

    Args:
        path: the file.
        shown: its path or address as the user knows it.
        problems: where everything wrong goes.
    """
    read = read_json(path, shown, problems)
    if read is None:
        return None
    table = Table(read.values, Place(read.source), problems, f"`{path.name}`")
    if "modules" not in table:
        table.problems.add(
            "XT0202",
            f"`modules` is missing in `{path.name}`",
            table.place,
            help='a registry lists its modules: `"modules": [ … ]`',
        )
    modules = [_module(item) for item in table.tables("modules")]
    registry = Registry(
        name=table.text("name"),
        description=table.text("description", default=""),
        version=_version(table, "version"),
        author=table.text("author", default=""),
        website=table.text("website", default=""),
        modules=tuple(sorted(modules, key=lambda item: item[:3])),
        place=table.place,
    )
    table.done()
    _refuse_twice(modules, problems)
    return registry


def _module(table: Table) -> RegistryModule:
    module = RegistryModule(
        name=table.text("name", grammar=grammar.NAME),
        version=_version(table, "version"),
        path=table.text("path", grammar=grammar.FILE),
        module_id=_optional(table, "module_id", MODULE_ID),
        display_name=table.text("display_name", default=""),
        description=table.text("description", default=""),
        author=table.text("author", default=""),
        min_app_version=_version(table, "min_app_version", default=""),
        tags=table.texts("tags"),
        place=table.place,
    )
    table.done()
    return module


def _version(table: Table, key: str, *, default: str | None = None) -> str:
    version = table.text(key, default=default)
    return version and table.checked(version, key, grammar.VERSION, "XT0206")


def _optional(table: Table, key: str, kind: grammar.Grammar) -> str:
    text = table.text(key, default="")
    return table.checked(text, key, kind) if key in table and text else ""


def _refuse_twice(modules: list[RegistryModule], problems: Problems) -> None:
    """Note a version that is listed twice, and an id that modules of two names have (XT0304)."""
    versions: dict[tuple[str, str], RegistryModule] = {}
    ids: dict[str, RegistryModule] = {}
    for module in modules:
        first = versions.setdefault((module.name, module.version), module)
        if module.name and module.version and first is not module:
            what = f"`{module.name}` is listed twice in version {module.version}"
            _twice(what, first, module, "version", problems)
        first = ids.setdefault(module.module_id, module)
        if module.module_id and first.name != module.name:
            what = f"`{first.name}` and `{module.name}` both have the id {module.module_id}"
            _twice(what, first, module, "module_id", problems)


def _twice(
    message: str, first: RegistryModule, second: RegistryModule, key: str, problems: Problems
) -> None:
    problems.add(
        "XT0304",
        message,
        second.place.at(key),
        "and here",
        others=[(first.place.at(key), "listed first here")],
        help=f"give one of them another `{key}`, or remove it",
    )
