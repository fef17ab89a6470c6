"""What code and files of a module promise beside its manifest: kept with a build, for comparing."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import xtask.manifest
from xtask.diagnostics import Problems
from xtask.digest import canonical_json, sha256_file, sha256_of, sha256_of_files
from xtask.files import write_cache
from xtask.manifest.additive import is_additive
from xtask.manifest.code import read_code
from xtask.manifest.dialects.native import package_root
from xtask.manifest.dialects.shared import operations, python_files
from xtask.manifest.folder import Folder
from xtask.manifest.operations import openapi_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from xtask.manifest.code import Code
    from xtask.manifest.module import EntryPoint, Migration, Module
    from xtask.manifest.tables import MappedClass

# What takes something away from a table that code may still ask for.
_REMOVES = re.compile(r"\b(?:DROP\s+(?:TABLE|COLUMN)|RENAME\s+(?:TO|COLUMN))\b", re.IGNORECASE)


def surfaces(modules: Iterable[Module]) -> dict[str, dict[str, Any]]:
    """Return for each module that has a folder what its facts do not say, as JSON values."""
    return {
        module.name: _surface(module, _package(module, module.root))
        for module in modules
        if module.root is not None
    }


def kept_surfaces(
    modules: Iterable[Module], digests: Mapping[str, str], cache: Path
) -> dict[str, dict[str, Any]]:
    """Return `surfaces`, each looked for only once in the same files.

    Args:
        modules: of them.
        digests: of the files of each module, by its name.
        cache: folder for what can be thrown away.
    """
    file, recipe = cache / "surfaces.json", _recipe()
    try:
        before: dict[str, Any] = json.loads(file.read_bytes())
    except (OSError, ValueError):
        before = {}
    found, kept = {}, {}
    for module in modules:
        if module.root is not None:
            key = sha256_of([recipe, module.name, module.place.source.path, digests[module.name]])
            kept[key] = before.get(key) or _surface(module, _package(module, module.root))
            found[module.name] = kept[key]
    if kept.keys() != before.keys():
        write_cache(file, canonical_json(kept))
    return found


def _recipe() -> str:
    """Return the digest of all that decides what is seen in the same files."""
    room = Path(xtask.manifest.__file__).parent
    return sha256_of_files([Path(__file__), *sorted(room.rglob("*.py"))])


def _surface(module: Module, package: Path) -> dict[str, Any]:
    answered = sorted({(openapi_path(item.path), item.method) for item in module.operations})
    return {
        "operations": [{"method": method, "path": path} for path, method in answered],
        "answers": _answers(module, package),
        "tables": sorted({table.name for table in module.tables}),
        "columns": _columns(module, package),
        "requires": sorted({item.module for item in module.requires}),
        "app_range": module.app_range.text if module.app_range else None,
        "migrations": [
            {
                "up": step.up,
                "removes": bool(_REMOVES.search(text)),
                "additive": _adds(step, text),
                "content": [sha256_file(package / path) for path in (step.up, step.down)],
            }
            for step in module.migrations
            for text in [(package / step.up).read_text("utf-8", "replace")]
        ],
        "hooks": [
            {
                "event": hook.event,
                "target": str(hook.target),
                "signature": _signature(hook.target, module, package),
            }
            for hook in sorted(module.hooks, key=lambda hook: (hook.event, str(hook.target)))
        ],
    }


def _adds(step: Migration, text: str) -> bool:
    """Return whether a migration only adds: what is declared of it, or else what its SQL says."""
    return step.declared == "additive" if step.declared else is_additive(text)


def _answers(module: Module, package: Path) -> list[dict[str, str]]:
    """Return what the code of a native module's routers answers; other dialects see it anyway."""
    if module.dialect != "native" or not module.routers:
        return []
    folder, unread = Folder(package, module.name), Problems()
    files = python_files(folder, unread)
    seen = operations(module.routers, module.package, folder, files, unread)
    found = {(openapi_path(item.path), item.method) for item in seen}
    return [{"method": method, "path": path} for path, method in sorted(found)]


def _columns(module: Module, package: Path) -> dict[str, dict[str, list[str]]]:
    """Return the columns of each table that the code defines, and base classes not seen there."""
    shown = PurePosixPath(module.place.source.path).parent.as_posix()
    files = python_files(Folder(package, shown), Problems(), without=module.runtime_folders)
    classes = [item for code in files.values() for item in code.classes]
    count = Counter(item.name for item in classes)
    named = {item.name: item for item in classes if item.name and count[item.name] == 1}
    found: dict[str, dict[str, set[str]]] = {}
    for item in classes:
        if item.table:
            table = found.setdefault(item.table, {"names": set(), "inherits": set()})
            for one in _lineage(item, named):
                table["names"].update(one.columns)
                table["inherits"].update(base for base in one.bases if base not in named)
    return {name: {key: sorted(found[name][key]) for key in found[name]} for name in found}


def _lineage(item: MappedClass, named: Mapping[str, MappedClass]) -> list[MappedClass]:
    """Return a class and those that it inherits from, except for what is a table itself."""
    found = [item]
    for one in found:  # which grows meanwhile
        above = [named[base] for base in one.bases if base in named]
        found += [other for other in above if not other.table and other not in found]
    return found


def _package(module: Module, root: Path) -> Path:
    """Return the folder of a module's import package."""
    return root if module.is_package else package_root(root, module.package)


def _signature(target: EntryPoint, module: Module, package: Path) -> str:
    """Return how a function is called, nothing when it is defined elsewhere."""
    for code in _code(target, module, package):
        found = [item for item in code.functions if item.name == target.attribute]
        if found:
            kind = "async " if found[-1].is_async else ""
            return f"{kind}({', '.join(found[-1].parameters)})"
    return ""


def _code(target: EntryPoint, module: Module, package: Path) -> Iterator[Code]:
    """Yield the files that a target may be defined in."""
    steps = target.module[len(module.package) :].strip(".").replace(".", "/")
    for path in (f"{steps}/__init__.py".lstrip("/"), f"{steps}.py"):
        if code := read_code(Folder(package, module.name), path, Problems()):
            yield code
