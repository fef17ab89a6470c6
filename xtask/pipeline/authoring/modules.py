"""The stories of an author: begin a module, take one in, take one out.

Each one ends with a composition that was proved to fit, or leaves everything as it was.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, NamedTuple

from xtask.archives import top_of, unpack
from xtask.author.edit import with_entry, without_entry
from xtask.author.scaffold import require_name, scaffold
from xtask.diagnostics import Problems, did_you_mean
from xtask.errors import UsageError, XtaskError
from xtask.files import write_folder
from xtask.manifest.dialects import read_module
from xtask.manifest.entries import PathSource
from xtask.manifest.table import shortened
from xtask.pipeline.authoring.editing import edited, read
from xtask.pipeline.composing.locking import read_lock
from xtask.pipeline.composing.reading import read_modules
from xtask.pipeline.composing.registered import Registries

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from xtask.diagnostics import Diagnostic, Place
    from xtask.manifest.composition import Composition
    from xtask.manifest.entries import Entry
    from xtask.settings import Workspace

_HOME = "modules"
# What is said of a folder whose name is none, or not that of its module.
_OF_NAMES = frozenset({"XT0205", "XT0208"})


class Authored(NamedTuple):
    """What was done: to which module, in which folder (None: it has none here), with which files.

    `warnings` are what composing the new state said, `left_out` what macOS had put into an archive.
    """

    name: str
    folder: str | None
    files: tuple[str, ...] = ()
    warnings: tuple[Diagnostic, ...] = ()
    left_out: tuple[str, ...] = ()


def new_module(
    workspace: Workspace, name: str, dialect: str, *, path: str | None = None, added: bool = True
) -> Authored:
    """Write a module that can be built, and compose it unless that is not wanted.

    Args:
        workspace: where.
        name: what it is called.
        dialect: one of `scaffold.DIALECTS`.
        path: its folder, relative to the workspace; default `modules/NAME`.
        added: it also becomes a line of `modules.toml`.

    Raises:
        UsageError: the name or the folder will not do, or there is such a module.
        InvalidError: it does not fit into the composition; nothing was written.
    """
    files = scaffold(name, dialect)
    shown = _inside(f"{_HOME}/{name}" if path is None else path)
    if added:
        _require_free(name, read(workspace))
    with _new_folder(workspace, shown) as folder:
        write_folder(folder, files)
        problems = Problems()
        read_module(folder, shown, problems)
        problems.raise_if_any()
        warnings = problems.warnings
        if added:
            warnings = add_module(workspace, name, {"source": "path", "path": shown}).warnings
    return Authored(name, shown, tuple(files), warnings)


def add_module(workspace: Workspace, name: str, entry: Mapping[str, Any]) -> Authored:
    """Put a line into `modules.toml`, once it is proved that the result fits.

    Raises:
        UsageError: the name will not do, or there is such a module, or one in that folder.
        InvalidError: the result does not fit; the file is as it was.
    """
    require_name(name)
    composition = read(workspace)
    _require_free(name, composition)
    if entry["source"] == "path":
        _require_other_folder(entry["path"].rstrip("/"), composition)
    with edited(workspace) as edit:
        edit.text = with_entry(edit.text, name, entry)
        warnings = edit.proved()
    folder = entry["path"] if entry["source"] == "path" else None
    return Authored(name, folder, warnings=warnings)


def remove_module(workspace: Workspace, name: str) -> Authored:
    """Take a module out of `modules.toml`; its folder stays.

    Raises:
        UsageError: there is no such module, or it is required.
        InvalidError: others need it (XT0301 for each), or something else does not fit without it.
    """
    composition = read(workspace)
    entry = entry_of(composition, name)
    if entry.required:
        raise UsageError(
            f"`{name}` is required, so it stays",
            help="take `required = true` out of its line in modules.toml first",
        )
    problems = Problems()
    for other, place in _dependents(name, composition, workspace):
        problems.add(
            "XT0301",
            f"`{name}` cannot be removed: `{other}` needs it",
            place,
            "needed here",
            help=f"remove `{other}` first, or what it needs of `{name}`",
        )
    problems.raise_if_any()
    with edited(workspace) as edit:
        edit.text = without_entry(edit.text, name)
        warnings = edit.no_worse()
    source = entry.source
    return Authored(name, source.path if isinstance(source, PathSource) else None, (), warnings)


def import_archive(workspace: Workspace, archive: Path, name: str | None = None) -> Authored:
    """Take the one module of an archive into `modules/NAME`, and compose it.

    Args:
        workspace: where.
        archive: a ZIP file with one folder at its top.
        name: what the module is called; default what its manifest says.

    Raises:
        ArchiveError: the archive is refused.
        UsageError: there is no such file, or there is such a module.
        InvalidError: the module has problems or does not fit; nothing of it stays.
    """
    if name is not None:
        require_name(name)
    read(workspace)
    shown = f"{archive.name}/{name or top_of(archive)}"
    with tempfile.TemporaryDirectory(dir=workspace.root, prefix=".import-") as temporary:
        unpacked = Path(temporary) / "module"
        listing = unpack(archive, unpacked, strip_top=True)
        problems = Problems()
        module = read_module(unpacked, shown, problems)
        if name is None:
            _note_folder_name(PurePosixPath(shown).name, problems)
        problems.raise_if_any()
        if module is None:
            raise AssertionError("a module that cannot be read has a problem")
        own = name or module.name
        with _new_folder(workspace, f"{_HOME}/{own}") as folder:
            folder.parent.mkdir(parents=True, exist_ok=True)
            unpacked.rename(folder)
            path = f"{_HOME}/{own}"
            warnings = add_module(workspace, own, {"source": "path", "path": path}).warnings
    files = sorted(entry.path.partition("/")[2] for entry in listing.contents)
    return Authored(own, path, tuple(files), warnings, listing.left_out)


def _note_folder_name(folder: str, problems: Problems) -> None:
    """Say how to call a module otherwise than the folder in its archive, where that is wrong.

    Archives of releases have a version or a branch in the name of the folder: `gifts-1.2`.
    """
    word = next(iter(re.findall(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*", folder)), "NAME")
    note = f"the folder in the archive is `{shortened(folder)}`: `--name {word}` calls it otherwise"
    problems.found[:] = [
        replace(item, notes=(*item.notes, note)) if item.code in _OF_NAMES else item
        for item in problems.found
    ]


def entry_of(composition: Composition, name: str) -> Entry:
    """Return a module's line.

    Raises:
        UsageError: there is no such module.
    """
    if name not in composition.entries:
        help_line = did_you_mean(name, composition.entries) or "`xtask list-modules` shows them"
        raise UsageError(f"`{name}` is not in modules.toml", help=help_line)
    return composition.entries[name]


def _require_free(name: str, composition: Composition) -> None:
    if name in composition.entries:
        raise UsageError(
            f"`{name}` is in modules.toml already", help="take another name, or remove it first"
        )


def _require_other_folder(path: str, composition: Composition) -> None:
    for other in composition.entries.values():
        if isinstance(other.source, PathSource) and other.source.path.rstrip("/") == path:
            raise UsageError(
                f"{path} is in modules.toml already, as `{other.name}`",
                help="a folder is one module: choose another one, or remove that line first",
            )


def _inside(path: str) -> str:
    """Return a path of a module's folder that is in the workspace."""
    steps = path.rstrip("/").split("/")
    if not path or path.startswith("/") or "\\" in path or {"", ".", ".."} & set(steps):
        raise UsageError(
            f"`{path[:60]}` is not a path inside the workspace",
            help="write it relative to the folder of modules.toml, such as `modules/gift-cards`",
        )
    return "/".join(steps)


@contextlib.contextmanager
def _new_folder(workspace: Workspace, shown: str) -> Iterator[Path]:
    """Yield a path where nothing is; after an error nothing is there again."""
    folder = workspace.root / shown
    if os.path.lexists(folder):
        raise UsageError(f"{shown} exists already", help="remove it, or choose another folder")
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        yield folder
    except BaseException:
        if missing[-1].exists():
            shutil.rmtree(missing[-1])
        raise


def _dependents(
    name: str, composition: Composition, workspace: Workspace
) -> Iterator[tuple[str, Place]]:
    """Yield each module that needs another one, with the place that says so, by name."""
    lock = read_lock(workspace)
    for other, entry in sorted(composition.entries.items()):
        if other == name:
            continue
        if name in entry.depends_on:
            yield other, entry.place.at("depends_on", entry.depends_on.index(name))
            continue
        alone = replace(composition, entries={other: entry})
        with contextlib.suppress(XtaskError):  # one that cannot be read may go on being wrong
            packages = lock.packages if lock else ()
            pins, problems = (lock.pins if lock else {}), Problems()
            registries = Registries(alone, workspace, pins, problems, locked=True)
            module = read_modules(alone, workspace, packages, problems, registries).get(other)
            needs = (*module.requires, *module.companions) if module else ()
            places = [item.place for item in needs if item.module == name]
            yield from ((other, place) for place in places[:1])
