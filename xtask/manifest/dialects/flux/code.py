"""What Flux demands of the code of a module; its manifest is read in `flux`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from xtask.manifest.dialects import shared
from xtask.manifest.dialects.sdk import SDK
from xtask.manifest.table import shortened

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xtask.diagnostics import Place, Problems
    from xtask.manifest.code import Code, Function
    from xtask.manifest.folder import Folder
    from xtask.manifest.module import Module

_HOOK_PARAMETERS = 2
# What the SDK hands on, so that no module depends on the platform's choice of libraries.
_BEHIND_SDK = frozenset({"fastapi", "starlette", "sqlalchemy", "pydantic"})


def require_signature(function: Function, place: Place, problems: Problems) -> None:
    """Note a hook that cannot be called as Flux calls it, with data and context (XT0217)."""
    if function.is_async and _HOOK_PARAMETERS in function.arity:
        return
    name = function.name
    problems.add(
        "XT0217",
        f"`{name}` cannot be called as a hook",
        place,
        others=[(function.place, "defined here")],
        help=f"write `async def {name}(data: dict, context) -> dict:`",
    )


def require_prefix(module: Module, problems: Problems) -> None:
    """Warn of each table whose name does not begin with the module's prefix (XT0205)."""
    prefix = module.table_prefix.text if module.table_prefix else ""
    for table in module.tables:
        if not f"{table.name}_".lower().startswith(prefix.lower()):
            problems.warn(
                "XT0205",
                f"table `{shortened(table.name)}` does not begin with `{prefix}`",
                table.place,
                help="the prefix keeps it apart from tables of other modules",
            )


def require_version(
    module: Module, folder: Folder, files: Mapping[str, Code], problems: Problems
) -> None:
    """Note a package without `__init__.py` (XT0211), and one of another version or of none."""
    path = "__init__.py"
    stated = files[path].version if path in files else None
    line = f'__version__ = "{module.version or "1.0.0"}"'
    if not folder.has_file(path):
        message = f"`{shortened(folder.name)}` has no file `{path}`"
        problems.add("XT0211", message, module.place, help=f"write it, with `{line}` in it")
    elif path in files and not stated:
        message = f"`{path}` does not say which version it is"
        problems.add("XT0202", message, folder.place(path), help=f"add `{line}`")
    elif stated and module.version and stated.text != module.version:
        problems.add(
            "XT0209",
            f"`{module.name}` has two versions",
            stated.place,
            f"{stated.text} here",
            others=[(module.place.at("version"), f"{module.version} here")],
            help="the two must be equal: a release is named once",
        )


def check_imports(files: Mapping[str, Code], package: str, problems: Problems) -> None:
    """Note imports of what Flux does not promise to be there (XT0219)."""
    shared.refuse_imports_of_modules(files, package, problems)
    known = sys.stdlib_module_names | {SDK, package.split(".", maxsplit=1)[0]}
    for code in files.values():
        for item in code.imports:
            first = item.module.split(".", maxsplit=1)[0]
            if item.level or item.guarded or first in known:
                continue
            why = (
                "which `module_sdk` hands on"
                if first in _BEHIND_SDK
                else "which Flux does not promise"
            )
            problems.warn(
                "XT0219",
                f"`{package}` imports `{shortened(first)}`, {why}",
                item.place,
                help=f"import it from `{SDK}`"
                if first in _BEHIND_SDK
                else f"a module imports Python's own modules, its own, and `{SDK}`",
            )
