"""Where the files of a module are: folders of the workspace, git commits, published wheels."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
from typing import TYPE_CHECKING, NamedTuple

from xtask.digest import hex_of, sha256, sha256_file, sha256_of
from xtask.errors import UntrustedError, XtaskError
from xtask.files import temporary_folder, write_if_changed
from xtask.manifest.folder import LEFT_OVER_FOLDERS
from xtask.manifest.notation.text import MAX_BYTES
from xtask.package.digests import read_digest
from xtask.package.git import git
from xtask.process import ProcessError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

    from xtask.manifest.entries import GitSource
    from xtask.manifest.module import Module
    from xtask.package.digests import Digest
    from xtask.resolve.lock import Package

# What build back ends write at the top of a project; a folder of assets may well be called `dist`.
_BUILT = frozenset({"build", "dist"})
_IGNORED_ENDINGS = (".pyc", ".pyo", ".egg-info", "~", ".swp", ".DS_Store")


class SourceFile(NamedTuple):
    """One file of a module: its relative path with `/`, whether it is executable, its digest."""

    path: str
    executable: bool
    digest: str


def not_sources(module: Module) -> frozenset[str]:
    """Return the folders at the top of a module's folder that are no part of it.

    Back ends write into a project, never into a package: that one is built from a copy.
    """
    return frozenset(module.runtime_folders) | (frozenset() if module.is_package else _BUILT)


def source_files(
    root: Path,
    left_out: Collection[str] = _BUILT,
    digest: Digest = read_digest,
) -> tuple[SourceFile, ...]:
    """Return the files of a module's folder, sorted by path.

    Args:
        root: the folder.
        left_out: folders at its top that are no part of the module, see `not_sources`.
        digest: gives that of a file by its path and what the system says of it.

    Raises:
        XtaskError: there is a symbolic link, a device, or a name that is not UTF-8.
    """
    found = []
    for path, relative in _walk(root, "", left_out):
        status = path.stat(follow_symlinks=False)
        mode = status.st_mode
        if stat.S_ISDIR(mode):
            continue
        if not stat.S_ISREG(mode):
            kind = "a symbolic link" if stat.S_ISLNK(mode) else "not a regular file"
            raise XtaskError(
                f"{path.path} is {kind}", help="a module's files are regular files; copy it instead"
            )
        executable = bool(mode & stat.S_IXUSR)
        found.append(SourceFile(relative, executable, digest(path.path, status)))
    return tuple(sorted(found))


def source_paths(root: Path, left_out: Collection[str] = _BUILT) -> list[str]:
    """Return the paths of what decides a module's files: its folder, those in it, the files."""
    return [str(root), *(entry.path for entry, _ in _walk(root, "", left_out))]


def _walk(
    folder: Path | str, prefix: str, left_out: Collection[str] = ()
) -> Iterator[tuple[os.DirEntry[str], str]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.endswith(_IGNORED_ENDINGS):
                continue
            try:
                entry.name.encode()
            except UnicodeEncodeError:
                raise XtaskError(f"{entry.path!r} has a name that is not UTF-8") from None
            if entry.is_dir(follow_symlinks=False):
                if entry.name not in left_out and entry.name not in LEFT_OVER_FOLDERS:
                    yield entry, prefix + entry.name
                    yield from _walk(entry.path, f"{prefix}{entry.name}/")
            else:
                yield entry, prefix + entry.name


def source_digest(files: tuple[SourceFile, ...]) -> str:
    """Return the identity of a module's files: paths, executable bits and contents."""
    return sha256(
        "".join(f"{file.path}\0{file.executable:d}{file.digest}\n" for file in files).encode()
    )


def published_digest(package: Package) -> str:
    """Return the identity of a module that comes as a published wheel: its locked hashes."""
    return sha256_of([package.name, package.version, list(package.hashes)])


def published_manifest(wheel: Path, cache: Path) -> Path:
    """Return the `module.toml` that a wheel carries beside its code, written out for reading.

    Raises:
        XtaskError: there is none, or more than one.
    """
    from zipfile import ZipFile  # noqa: PLC0415 - start-up

    with ZipFile(wheel) as archive:
        found = [
            entry
            for entry in archive.infolist()
            if entry.filename.count("/") == 1 and entry.filename.endswith("/module.toml")
        ]
        if len(found) != 1 or found[0].file_size > MAX_BYTES:
            raise XtaskError(
                f"{wheel.name} does not hold one module.toml in its package",
                help='write one in the workspace and name it: `manifest = "modules/NAME.toml"`',
            )
        data = archive.read(found[0])
    path = cache / "manifests" / hex_of(sha256(data)) / "module.toml"
    write_if_changed(path, data)
    return path


def checkout(source: GitSource, cache: Path) -> Path:
    """Return the folder of a module at one commit, fetched once and kept by the commit's id.

    Raises:
        XtaskError: git cannot fetch that commit.
    """
    folder = cache / "git" / hex_of(sha256_of([source.url, source.rev]))
    if not (folder / ".git").is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with temporary_folder(folder.parent, "fetch") as temporary:
            _fetch(source, temporary / "tree")
            with contextlib.suppress(OSError):  # another process was faster: its tree is the same
                (temporary / "tree").rename(folder)
    return folder / source.path


def _fetch(source: GitSource, folder: Path) -> None:
    folder.mkdir()
    try:
        git(folder, "init", "--quiet")
        git(folder, "fetch", "--quiet", "--depth=1", "--", source.url, source.rev)
        git(folder, "checkout", "--quiet", source.rev)
    except ProcessError as error:
        raise XtaskError(
            f"cannot fetch commit {source.rev[:12]} of {source.url}: {error.message}",
            help="check the address, your access to it, and that the commit was pushed",
        ) from error


def unpacked(archive: Path, digest: str, cache: Path, otherwise: UntrustedError) -> Path:
    """Return the folder with the files of a ZIP, unpacked once and kept by the digest of its bytes.

    One folder at its top that holds everything is left away.

    Args:
        archive: the file.
        digest: what its bytes have to be.
        cache: folder for what can be thrown away.
        otherwise: what to raise when they are something else.

    Raises:
        UntrustedError: `otherwise`, or it is a ZIP that is refused.
    """
    folder = archive_folder(digest, cache)
    if folder.is_dir():
        if sha256_file(archive) != digest:
            raise otherwise
        return folder
    from xtask.archives import unpack  # noqa: PLC0415 - start-up

    folder.parent.mkdir(parents=True, exist_ok=True)
    with temporary_folder(folder.parent, "unpack") as temporary:
        # What is unpacked is what was hashed, even if somebody replaces the file meanwhile.
        copy = shutil.copyfile(archive, temporary / archive.name)
        if sha256_file(copy) != digest:
            raise otherwise
        tree = temporary / "tree"
        unpack(copy, tree, strip_top=_has_single_top(copy))
        with contextlib.suppress(OSError):  # another process was faster: its tree is the same
            tree.rename(folder)
    return folder


def archive_folder(digest: str, cache: Path) -> Path:
    """Return where the files of the ZIP of a digest are, once it was unpacked."""
    return cache / "archives" / hex_of(digest)


def _has_single_top(archive: Path) -> bool:
    from xtask.archives import ArchiveError, top_of  # noqa: PLC0415 - start-up

    try:
        return bool(top_of(archive))
    except ArchiveError as error:
        if error.reason != "no-single-top":
            raise
        return False
