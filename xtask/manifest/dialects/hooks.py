"""Functions that a manifest names as hooks: each is looked up in the code, one import deep."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xtask.manifest.code import read_code, symbol
from xtask.manifest.table import shortened

if TYPE_CHECKING:
    from xtask.diagnostics import Place, Problems
    from xtask.manifest.code import Code, Function, Import
    from xtask.manifest.folder import Folder


def hook_function(
    folder: Folder, module: str, name: str, place: Place, problems: Problems
) -> Function | None:
    """Return the function that a hook is; None when it is not known, or wrong and noted.

    A name that the file imports from another file of the module is followed there, once: what is
    wrong with the import is noted at the import.

    Args:
        folder: the module's folder, which is its package.
        module: dotted, relative to the package; empty for the package itself.
        name: the hook's name in it.
        place: what names it, for XT0211 (no such file) and XT0217 (no such function).
        problems: where these and XT0218 go.
    """
    if not symbol(folder, module, name, place, problems):
        return None
    code, wanted = _file(folder, module, problems), name
    if code and (item := _import_of(code, name)):
        source = _source(code.path, item)
        if source is None:  # a lint of imports says so
            return None
        wanted = item.names[item.bound.index(name)]
        stem = "/".join(filter(None, (*source.split("."), wanted)))
        other = _file(folder, source, problems)
        is_bound = other and other.path != code.path and wanted in other.names
        if not is_bound and _path(folder, stem):
            _note(name, "a module", item.place, place, problems)
            return None
        if not symbol(folder, source, wanted, item.place, problems):
            return None
        code = other
    if code is None:
        return None
    if wrong := code.others.get(wanted):
        _note(name, *wrong, place, problems)
    return next((item for item in reversed(code.functions) if item.name == wanted), None)


def _path(folder: Folder, stem: str) -> str | None:
    """Return the file of a module; Python takes a package first."""
    paths = [f"{stem}/__init__.py", f"{stem}.py"] if stem else ["__init__.py"]
    return next((path for path in paths if folder.has_file(path)), None)


def _file(folder: Folder, module: str, problems: Problems) -> Code | None:
    path = _path(folder, module.replace(".", "/"))
    return read_code(folder, path, problems) if path else None


def _import_of(code: Code, name: str) -> Import | None:
    """Return the relative import that a name comes from, None when it may be something else."""
    if any(item.name == name for item in code.functions):
        return None
    found = [item for item in code.imports if item.level and name in item.bound]
    return found[-1] if found and not any(item.guarded for item in found) else None


def _source(path: str, item: Import) -> str | None:
    """Return the module that an import names, relative to the package; None above of it."""
    steps = path.split("/")[:-1]
    if item.level > len(steps) + 1:
        return None
    above = steps[: len(steps) - item.level + 1]
    return ".".join(filter(None, (*above, item.module)))


def _note(name: str, what: str, where: Place, place: Place, problems: Problems) -> None:
    problems.add(
        "XT0217",
        f"`{shortened(name)}` is {what}, not a function",
        place,
        others=[(where, "defined here")],
        help="name a function of the module: a hook is called",
    )
