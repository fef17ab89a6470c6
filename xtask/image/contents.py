"""A wheel to the entries of a layer, without installing it anywhere first.

PyPA specifications "Binary distribution format" and "Recording installed projects".
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import posixpath
import re
import zipfile
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from xtask.errors import UntrustedError, XtaskError
from xtask.image.bytecode import CompileError, compile_module, compiled_path
from xtask.image.layer import EXECUTABLE, FILE, Entry
from xtask.image.workers import require_going
from xtask.resolve.lock import normalised

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from installer.sources import WheelFile

# Written by installers for their own use, or signing the RECORD that is written anew.
_NOT_KEPT = frozenset(
    {"RECORD", "RECORD.jws", "RECORD.p7s", "INSTALLER", "REQUESTED", "direct_url.json"}
)
# What RECORD cannot have a digest of: itself, and its signatures.
_UNRECORDED = (".dist-info/RECORD", ".dist-info/RECORD.jws", ".dist-info/RECORD.p7s")
# PyPA, "Binary distribution format": SHA-256 or better.
_ALGORITHMS = frozenset({"sha256", "sha384", "sha512"})
# The image has one entry point, and nobody compiles against it.
_SCHEMES_NOT_KEPT = frozenset({"scripts", "headers"})
# Python runs these at each start, before the application, without being asked to import them.
_RUNS_AT_START = re.compile(r"[^/]*\.pth|(?:sitecustomize|usercustomize)(?:[./].*)?", re.IGNORECASE)
# What the standard library raises for damaged, truncated, encrypted or unknown kinds of zip.
_UNREADABLE = (zipfile.BadZipFile, zlib.error, EOFError, KeyError, RuntimeError, ValueError)
_SHARED_LIBRARY = re.compile(r".*\.so(?:\.[0-9.]+)?")


@dataclass(frozen=True, slots=True)
class Overlap:
    """A path that several owners bring; spelled as the first of them does."""

    path: str
    owners: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.path} comes from {' and '.join(self.owners)}"


class OverlapError(XtaskError):
    """Owners that write the same path; `overlaps` holds every such path."""

    exit_code = 3

    def __init__(self, overlaps: tuple[Overlap, ...]) -> None:
        lines = "\n".join(str(overlap) for overlap in overlaps)
        super().__init__(lines, help="remove one of the owners, or rename the file in one of them")
        self.overlaps = overlaps


def wheel_entries(
    wheel: Path, site: str = "app/site", *, third_party: bool = False, bytecode: bool = True
) -> list[Entry]:
    """Return the files of the wheel as they lie in the image, sorted.

    Libraries go to `site`, shared data to `share` beside it. Console scripts and headers are left
    out, RECORD is written anew.

    Args:
        wheel: a wheel file.
        site: the folder in the image that is on Python's path.
        third_party: leave a source that does not compile uncompiled, as other installers do.
        bytecode: compiled modules too, for the Python that runs xtask.

    Raises:
        UntrustedError: the wheel contradicts its RECORD, leads out of its folders, or wants to run
            code at each start of Python.
        CompileError: a source does not compile, and it is our own.
    """
    entries, record = _unpack(wheel, site)
    if bytecode:
        entries += _compiled(entries, third_party=third_party)
    entries.append(_record(entries, f"{site}/{record}", site))
    return sorted(entries, key=lambda entry: entry.path)


def may_overlap(owners: Iterable[Collection[str]]) -> bool:
    """Return whether paths of two owners may be in each other's way: no is certain, and quick."""
    files: set[str] = set()
    folders: set[str] = set()
    count = 0
    for paths in owners:
        folded = [path.casefold() for path in paths]
        files.update(folded)
        folders.update([path.rpartition("/")[0] for path in folded])
        count += len(folded)
    above = folders
    while above:
        above = {path.rpartition("/")[0] for path in above} - folders
        folders |= above
    return len(files) != count or not files.isdisjoint(folders)


def refuse_overlap(layers: Mapping[str, Sequence[Entry]]) -> None:
    """Refuse a file that two owners bring, also where they differ in upper and lower case only.

    Directories may be shared; a directory of one owner may not be a file of another.

    Raises:
        OverlapError: every path with more than one owner.
    """
    files: dict[str, dict[str, str]] = {}
    folders: dict[str, dict[str, str]] = {}
    for owner, entries in layers.items():
        for entry in entries:
            is_file = entry.content is not None or entry.link is not None
            (files if is_file else folders).setdefault(entry.path.casefold(), {})[owner] = (
                entry.path
            )
            for parent in _parents(entry.path):
                folders.setdefault(parent.casefold(), {}).setdefault(owner, parent)
    overlaps = []
    for path, claims in sorted(files.items()):
        owners = claims | folders.get(path, {})
        if len(owners) > 1:
            overlaps.append(Overlap(next(iter(claims.values())), tuple(sorted(owners))))
    if overlaps:
        raise OverlapError(tuple(overlaps))


def _unpack(wheel: Path, site: str) -> tuple[list[Entry], str]:
    """Return the wheel's kept files, checked against its RECORD, and the RECORD's name."""
    from installer.exceptions import InstallerError  # noqa: PLC0415 - only a cold build reads wheels
    from installer.sources import WheelFile  # noqa: PLC0415

    entries = []
    try:
        with WheelFile.open(wheel) as source:
            source.validate_record(validate_contents=False)
            _require_one_name(source)
            for (path, digest, size), stream, executable in source.get_contents():
                data = stream.read()  # once: it is checked, and then it is the entry's
                _require_recorded(path, digest, size, data)
                place = _place(path, source.dist_info_dir, source.data_dir, site)
                if place is not None:
                    mode = EXECUTABLE if executable or _SHARED_LIBRARY.fullmatch(path) else FILE
                    entries.append(Entry(place, data, mode))
            return entries, f"{source.dist_info_dir}/RECORD"
    except (InstallerError, *_UNREADABLE) as error:
        message = f"{wheel.name} is not a valid wheel: {_reason(error, wheel)}"
        raise UntrustedError(message) from error
    except UntrustedError as error:
        raise UntrustedError(f"{wheel.name}: {error.message}", help=error.help) from error


def _reason(error: Exception, wheel: Path) -> str:
    """Return what is wrong with a wheel, and of many such things the first."""
    issues = [str(one).removeprefix(f"In {wheel}, ") for one in getattr(error, "issues", ())]
    more = f", and {len(issues) - 1} more" if len(issues) > 1 else ""
    return f"{issues[0]}{more}" if issues else str(error)


def _require_recorded(path: str, digest: str, size: str, data: bytes) -> None:
    """Refuse a file that is not what RECORD says; what need not be there says nothing of itself.

    Raises:
        ValueError: with what is wrong.
    """
    if not digest and path.endswith(_UNRECORDED):
        return
    algorithm, _, expected = digest.partition("=")
    if algorithm not in _ALGORITHMS:
        raise ValueError(f"RECORD has no SHA-2 digest of {path!r}")
    found = base64.urlsafe_b64encode(hashlib.new(algorithm, data).digest()).rstrip(b"=").decode()
    if (found, str(len(data))) != (expected.rstrip("="), size):
        raise ValueError(f"{path!r} is not the file that RECORD names")


def _require_one_name(source: WheelFile) -> None:
    """Refuse a wheel of a later format, or of another distribution than its file name says.

    PyPA, "Binary distribution format": an installer fails on another major `Wheel-Version`.
    """
    from installer.utils import parse_metadata_file  # noqa: PLC0415 - only a cold build reads wheels
    from packaging.version import Version  # noqa: PLC0415

    version = str(parse_metadata_file(source.read_dist_info("WHEEL"))["Wheel-Version"])
    if version.partition(".")[0] != "1":
        raise UntrustedError(f"has Wheel-Version {version[:20]}, only 1 is known")
    said = parse_metadata_file(source.read_dist_info("METADATA"))
    name, version = str(said["Name"]), str(said["Version"])
    if normalised(name) != normalised(source.distribution) or (
        Version(version) != Version(source.version)
    ):
        raise UntrustedError(f"says that it is {name[:100]} {version[:100]}")


def _place(path: str, dist_info: str, data: str, site: str) -> str | None:
    """Return where in the image a file of a wheel goes, None for nowhere."""
    if path.startswith("/") or "\\" in path or {"", ".", ".."} & set(path.split("/")):
        raise UntrustedError(f"{path!r} leads out of the wheel's own folders")
    top, _, rest = path.partition("/")
    if top == dist_info:
        return None if rest in _NOT_KEPT else f"{site}/{path}"
    if top != data:
        return _library_place(path, site)
    scheme, _, rest = rest.partition("/")
    if scheme in {"purelib", "platlib"}:
        return _library_place(rest, site)
    if scheme == "data" and rest.startswith("share/"):
        return posixpath.join(posixpath.dirname(site), rest)
    if scheme in _SCHEMES_NOT_KEPT:
        return None
    raise UntrustedError(f"{path!r} would lie outside the folders of the application")


def _library_place(path: str, site: str) -> str | None:
    if _RUNS_AT_START.fullmatch(path):
        hint = "let the application's entry point import what has to run first"
        raise UntrustedError(f"{path!r} would run at each start of Python", help=hint)
    # Compiled modules are made from the sources beside them, never taken from elsewhere.
    return None if "__pycache__" in path.split("/") else f"{site}/{path}"


def _compiled(entries: Iterable[Entry], *, third_party: bool) -> Iterator[Entry]:
    for entry in tuple(entries):
        require_going()
        if entry.path.endswith(".py") and isinstance(entry.content, bytes):
            try:
                yield Entry(compiled_path(entry.path), compile_module(entry.content, entry.path))
            except CompileError:
                if not third_party:
                    raise


def _record(entries: Sequence[Entry], path: str, site: str) -> Entry:
    """Return the RECORD of the entries; a RECORD has no hash of itself."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    rows = [(_relative(path, site), "", "")]
    for entry in entries:
        if isinstance(entry.content, bytes):
            digest = base64.urlsafe_b64encode(hashlib.sha256(entry.content).digest())
            shown = f"sha256={digest.rstrip(b'=').decode()}"
            rows.append((_relative(entry.path, site), shown, str(len(entry.content))))
    writer.writerows(sorted(rows))
    return Entry(path, text.getvalue().encode())


def _relative(path: str, site: str) -> str:
    inside = path.removeprefix(f"{site}/")
    return inside if inside != path else posixpath.relpath(path, site)


def _parents(path: str) -> Iterator[str]:
    while path := posixpath.dirname(path):
        yield path
