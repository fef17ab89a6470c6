"""Every place in which a module's version is written, and the next one in all of them.

Only the version's own characters change: the rest of each file stays byte for byte.
"""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Literal, NamedTuple

from semver import Version

from xtask.diagnostics import Place, Problems
from xtask.errors import UsageError
from xtask.manifest.code import read_code
from xtask.manifest.notation.json import read_json
from xtask.manifest.notation.literal import read_literal
from xtask.manifest.notation.toml import read_toml
from xtask.manifest.registry import read_registry

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from xtask.manifest.folder import Folder
    from xtask.manifest.module import Module

Level = Literal["major", "minor", "patch"]
LEVELS: tuple[Level, ...] = ("major", "minor", "patch")

_NOTATIONS = {".json": read_json, ".py": read_literal}
_INIT = "__init__.py"
_SERIES_PARTS = 2
_LONG = 4


class Statement(NamedTuple):
    """A version as one file says it: where, in which words, and what stands before our part."""

    path: Path
    place: Place
    written: str
    series: str = ""

    def words(self, version: str) -> str:
        """Return how this file says another version: as many numbers as before, if they will do."""
        count = len(self.written.removeprefix(self.series).split("."))
        while version.endswith(".0") and version.count(".") >= max(count, _SERIES_PARTS):
            version = version.removesuffix(".0")
        return self.series + version


def statements(
    module: Module, folder: Folder, registries: Iterable[tuple[Path, str]] = ()
) -> tuple[Statement, ...]:
    """Return every place in which the version of a module is written.

    Args:
        module: one that was read without problems.
        folder: its folder.
        registries: files that list modules, and what users call them.

    Raises:
        UsageError: its manifest says no version, or it is a crate.
        InvalidError: a file among them cannot be read.
    """
    problems = Problems()
    if module.dialect == "rustok":
        raise UsageError(
            f"`{module.name}` is a crate", help="cargo knows where its version is: `cargo release`"
        )
    manifest = folder.root / PurePosixPath(module.place.source.path).name
    found = [_in_manifest(manifest, module, problems)]
    if module.is_package:
        found += _in_package(folder, problems)
    else:
        found += _in_project(folder, problems)
    for path, shown in registries:
        found += _in_registry(path, shown, module, folder, problems)
    problems.raise_if_any()
    return tuple(found)


def next_version(version: str, level: Level) -> str:
    """Return the version after this one; a pre-release becomes its release (semver.org 11.3)."""
    return str(Version.parse(version).next_version(part=level))


def rewritten(statement: Statement, data: bytes, version: str) -> bytes:
    """Return a file's bytes with another version at the statement's place.

    Raises:
        UsageError: the version is not written there in one piece.
    """
    text = data.decode()
    mark = "\ufeff" if text.startswith("\ufeff") else ""
    ends = r"(\r\n|\r|\n)" if statement.path.suffix == ".py" else r"(\n)"
    pieces = re.split(ends, text.removeprefix(mark))
    line, column, length = statement.place.span()
    written = pieces[2 * (line - 1)]
    start, end = column - 1, column - 1 + length
    old = written[start:end]
    if not statement.written or old.count(statement.written) != 1:
        raise UsageError(
            f"{statement.place} does not say the version in one piece",
            help="write it as one plain string, such as `1.0.0`",
        )
    new = old.replace(statement.written, statement.words(version))
    pieces[2 * (line - 1)] = written[:start] + new + written[end:]
    return (mark + "".join(pieces)).encode()


def _in_manifest(manifest: Path, module: Module, problems: Problems) -> Statement:
    """Return what the manifest says; in the dialects of JSON and Python it may say nothing."""
    place, version = module.place.at("version"), module.version or ""
    reader = _NOTATIONS.get(manifest.suffix)
    if reader is None:
        return Statement(manifest, place, version)
    read = reader(manifest, place.source.path, problems)
    written = read.values.get("version") if read else None
    if not written:
        raise UsageError(
            f"`{place.source.path}` does not say a version, so it counts as {version}",
            help=f'write `"version": "{version}"` there, and bump it then',
        )
    series = _series(str(written), version) if manifest.suffix == ".py" else ""
    return Statement(manifest, place, str(written), series)


def _series(written: str, version: str) -> str:
    """Return Odoo's series, which comes before the module's own version."""
    steps = written.split(".")
    own, _, _ = version.partition("+")
    numbers = [str(int(step)) for step in steps[_SERIES_PARTS:] if step.isdigit()]
    is_long = len(steps) >= _LONG and ".".join([*numbers, "0"][:3]) == own
    return ".".join(steps[:_SERIES_PARTS]) + "." if is_long else ""


def _in_package(folder: Folder, problems: Problems) -> Iterator[Statement]:
    """Yield `__version__` of a folder that is a package."""
    if not folder.has_file(_INIT):
        return
    code = read_code(folder, _INIT, problems)
    if code and code.version:
        yield Statement(folder.root / _INIT, code.version.place, code.version.text)


def _in_project(folder: Folder, problems: Problems) -> Iterator[Statement]:
    """Yield the version in `pyproject.toml`, where it is not a back end's to find."""
    path = folder.root / "pyproject.toml"
    if not path.exists():
        return
    read = read_toml(path, f"{folder.shown}/{path.name}", problems)
    project = read.values.get("project") if read else None
    if read and isinstance(project, dict) and isinstance(project.get("version"), str):
        yield Statement(path, Place(read.source, ("project", "version")), project["version"])


def _in_registry(
    path: Path, shown: str, module: Module, folder: Folder, problems: Problems
) -> Iterator[Statement]:
    """Yield the version in a registry whose entry is this folder."""
    registry = read_registry(path, shown, problems)
    for item in registry.modules if registry else ():
        same = (path.parent / item.path).resolve() == folder.root.resolve()
        if same and item.version == module.version:
            yield Statement(path, item.place.at("version"), item.version)
