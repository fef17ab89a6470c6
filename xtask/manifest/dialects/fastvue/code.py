"""The code of a FastVue module: what the manifest names in it, and what it was seen to do."""

from __future__ import annotations

from keyword import iskeyword
from typing import TYPE_CHECKING, NamedTuple

from xtask.manifest.bindings import Binding, Package
from xtask.manifest.code import symbol
from xtask.manifest.dialects import shared
from xtask.manifest.dialects.fastvue.odoo import entries
from xtask.manifest.dialects.hooks import hook_function
from xtask.manifest.grammar import Grammar
from xtask.manifest.module import DatabaseTable, EntryPoint, Hook, Operation, Router
from xtask.manifest.table import shortened

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from xtask.diagnostics import Place
    from xtask.manifest.code import Code
    from xtask.manifest.folder import Folder
    from xtask.manifest.table import Table

_ROUTER = "router"
_HOOKS = {
    "pre_init_hook": "pre_init",
    "post_init_hook": "post_init",
    "uninstall_hook": "uninstall",
    "post_load_hook": "post_load",
    "post_load": "post_load",
}

DOTTED = Grammar(
    r"[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*)*",
    "a Python module",
    "names with a dot between them, such as `api.routes`",
)
HOOK = Grammar(
    r"([a-z_][a-z0-9_]*\.)*[A-Za-z_][A-Za-z0-9_]*",
    "a function",
    "a function of `__init__.py`, or a module, a dot and a function: `hooks.post_init`",
)


class Api(NamedTuple):
    """The routers of a module, and what they were seen to answer."""

    routers: tuple[Router, ...]
    operations: tuple[Operation, ...]


def read_api(table: Table, package: str, folder: Folder | None, files: Mapping[str, Code]) -> Api:
    """Return a router for each module of `api`, which has to bind one (XT0211, XT0217).

    One that another entry has already, because its module imports it from there, counts once.

    Args:
        table: the whole manifest.
        package: what the module is imported as.
        folder: the module's folder, None when its files are in a published wheel.
        files: the module's Python files.
    """
    prefix = f"/api/v1/{package.removeprefix('modules.')}"
    code = Package(package, files)
    routers: list[Router] = []
    made: set[Binding] = set()
    for module, place in _dotted(table, "api"):
        if folder:
            symbol(folder, module, _ROUTER, place, table.problems)
        target = EntryPoint(f"{package}.{module}", _ROUTER)
        path = code.file(target.module)
        origin = code.origin(Binding(path, _ROUTER)) if path else None
        if origin and origin in made:
            message = f"the router of `{module}` is mounted already: it is imported from another"
            tip = f"remove it: `{origin.path}` answers once"
            table.problems.warn("XT0304", message, place, help=tip)
            continue
        made.update([origin] if origin else [])
        routers.append(Router(prefix, target, place))
    if not package:
        return Api((), ())
    operations = shared.operations(routers, package, folder, files, table.problems)
    return Api(tuple(routers), operations)


def _dotted(table: Table, key: str) -> Iterator[tuple[str, Place]]:
    """Yield the Python modules of a list; XT0205 for what is none."""
    for text, place in entries(table, key):
        if DOTTED.matches(text) and not any(map(iskeyword, text.split("."))):
            yield text, place
        else:
            message = f"`{shortened(text)}` is not {DOTTED.meaning}"
            table.problems.add("XT0205", message, place, help=DOTTED.rule)


def read_hooks(table: Table, package: str, folder: Folder | None) -> Iterator[Hook]:
    """Yield the functions to call in the life of a module: `hooks.post_init`, or a plain name."""
    for key, event in _HOOKS.items():
        if table.value(key) is False:  # which is how Odoo's modules say that there is none
            continue
        text = table.text(key, default="")
        if not text or not table.checked(text, key, HOOK):
            continue
        place = table.place.at(key)
        module, _, function = text.rpartition(".")
        if any(map(iskeyword, text.split("."))):
            message = f"`{shortened(text)}` has a word of Python's grammar in it"
            table.problems.add("XT0205", message, place, help=HOOK.rule)
            continue
        if folder:
            hook_function(folder, module, function, place, table.problems)
        yield Hook(event, EntryPoint(f"{package}.{module}".strip("."), function), 100, place)


def model_tables(files: Iterable[Code]) -> tuple[DatabaseTable, ...]:
    """Return the tables that the models define, sorted by name; the first of a name counts."""
    found: dict[str, DatabaseTable] = {}
    for code in files:
        for item in code.tables:
            found.setdefault(item.name, item)
    return tuple(found[name] for name in sorted(found))


def require_packages(table: Table, folder: Folder | None) -> None:
    """Note the package, and the packages of its code, that are not there (XT0211)."""
    if folder and not folder.has_file("__init__.py"):
        message = f"`{folder.name}` has no `__init__.py`"
        tip = "add an empty one: a module is a Python package"
        table.problems.add("XT0211", message, table.place, help=tip)
    for key in ("models", "services"):
        for module, place in _dotted(table, key):
            path = module.replace(".", "/")
            if folder and not folder.has_folder(path) and not folder.has_file(f"{path}.py"):
                message = f"`{folder.name}` has no package `{shortened(module)}`"
                table.problems.add("XT0211", message, place, help="write it, or correct the name")
