"""Finding the Python in a base: where it is, which one, and which C library it stands on."""

from __future__ import annotations

import posixpath
import re
from io import BytesIO
from typing import TYPE_CHECKING, NamedTuple

from xtask.errors import XtaskError
from xtask.image.base.changeset import Kind
from xtask.image.base.elf import program_of
from xtask.image.base.values import BaseError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from xtask.image.base.tree import Content, Tree

    Read = Callable[[Iterable[Content]], Mapping[Content, bytes]]

_PROGRAM = re.compile(r"(?P<prefix>(?:.+/)?)bin/python(?P<minor>3\.[0-9]{1,3})")
_LIBRARIES = ("lib", "lib64")
# Wheels are looked for by each minor version down to the oldest, so it may not be any number.
_GLIBC = re.compile(rb"stable release version ([0-9]{1,3}\.[0-9]{1,3})(?![0-9])")
_ANOTHER = "name a base image with one Python, such as the `python` images have"
_TRIPLES = {"amd64": "x86_64-linux-gnu", "arm64": "aarch64-linux-gnu"}


class Found(NamedTuple):
    """A Python in a root file system; paths are absolute there."""

    executable: str
    version: str
    libc: str


class _Candidate(NamedTuple):
    path: str
    prefix: str
    minor: str


def library_folders(architecture: str) -> tuple[str, ...]:
    """Return where a loader of the architecture looks, by default and on Debian."""
    triple = _TRIPLES.get(architecture, "")
    near = [f"{top}{lib}" for top in ("", "usr/") for lib in _LIBRARIES]
    multiarch = [f"{top}lib/{triple}" for top in ("", "usr/")] if triple else []
    return (*multiarch, *near, "usr/local/lib", "usr/local/lib64")


def find_python(tree: Tree, env: Mapping[str, str], architecture: str, read: Read) -> Found:
    """Return the one Python of a root file system.

    Where there are several, `PYTHON_VERSION` of the base's environment says which one is meant.

    Args:
        tree: what is there.
        env: the environment that the base's config sets.
        architecture: the one that its config names, such as `amd64`.
        read: returns the bytes of files.

    Raises:
        BaseError: there is no Python, there are several, or it is not one that can be used.
    """
    candidate = _only(_candidates(tree), env.get("PYTHON_VERSION", ""))
    prefix = candidate.prefix
    folders = [f"{prefix}lib", *library_folders(architecture)]
    names = [f"{folder}/libpython{candidate.minor}.so.1.0" for folder in folders]
    libraries = [f"{folder}/libc.so.6" for folder in folders]
    program, library, libc = (_first(tree, paths) for paths in ([candidate.path], names, libraries))
    found = read([content for content in (program, library, libc) if content])
    if program is None:
        raise BaseError(f"/{candidate.path} of the base leads to no file", help=_ANOTHER)
    loader = _loader(candidate.path, found[program], architecture)
    texts = [found[content] for content in (library, program) if content]
    return Found(
        executable=f"/{candidate.path}",
        version=_version(candidate, env.get("PYTHON_VERSION", ""), texts),
        libc=_libc(loader, found[libc] if libc else b""),
    )


def _candidates(tree: Tree) -> list[_Candidate]:
    """Return every Python with a library beside it; one of a virtual environment has none."""
    found: dict[str, _Candidate] = {}
    for path, node in tree.walk():
        match = _PROGRAM.fullmatch(path)
        if match is None or node.kind not in {Kind.FILE, Kind.SYMLINK}:
            continue
        prefix, minor = match["prefix"], match["minor"]
        landmarks = (f"{prefix}{folder}/python{minor}/os.py" for folder in _LIBRARIES)
        real = tree.find(path)
        if real and real[1].kind is Kind.FILE and any(map(tree.find, landmarks)):
            found.setdefault(real[0], _Candidate(path, prefix, minor))
    return sorted(found.values())


def _only(candidates: Sequence[_Candidate], stated: str) -> _Candidate:
    meant = [one for one in candidates if stated.startswith(f"{one.minor}.")]
    if not candidates:
        said = "the base has no Python: no `bin/python3.X` with a `lib/python3.X` beside it"
        raise BaseError(said, help=_ANOTHER)
    if stated and not meant:
        there = " and ".join(f"/{one.path}" for one in candidates)
        said = f"PYTHON_VERSION of the base is {stated[:40]!r}, and what it has is {there}"
        raise BaseError(said, help=_ANOTHER)
    left = meant or candidates
    if len(left) > 1:
        there = " and ".join(f"/{one.path}" for one in left)
        raise BaseError(
            f"the base has {len(left)} Pythons: {there}",
            help="name a base image with one of them, or set PYTHON_VERSION in its config",
        )
    return left[0]


def _first(tree: Tree, paths: Iterable[str]) -> Content | None:
    for path in paths:
        found = tree.find(path)
        if found and found[1].content:
            return found[1].content
    return None


def _loader(path: str, program: bytes, architecture: str) -> str:
    try:
        head = program_of(BytesIO(program), f"/{path} of the base")
    except XtaskError as error:
        raise BaseError(error.message, help=_ANOTHER) from error
    if head.architecture != architecture:
        raise BaseError(
            f"/{path} of the base is for {head.architecture}, and the base says {architecture}",
            help="name another base image: this one is put together wrongly",
        )
    return head.loader


def _version(candidate: _Candidate, stated: str, texts: Iterable[bytes]) -> str:
    """Return the whole version: as the base states it, or as its program contains it."""
    whole = re.escape(candidate.minor) + r"\.[0-9]{1,3}(?:(?:a|b|rc)[0-9]{1,2})?"
    if re.fullmatch(whole, stated):
        return stated
    pattern = re.compile(rb"(?<![0-9.])" + whole.encode() + rb"(?![0-9.])")
    for text in texts:
        found: set[str] = {match.decode() for match in pattern.findall(text)}
        if len(found) == 1:
            return found.pop()
    raise BaseError(
        f"nothing says which version of Python {candidate.minor} the base has",
        help="set PYTHON_VERSION in the config of the base image",
    )


def _libc(loader: str, library: bytes) -> str:
    if "ld-musl" in posixpath.basename(loader):
        # Every musl since 1.2.0, of 2020, runs what was linked with it (PEP 656).
        return "musl 1.2"
    found = _GLIBC.search(library)
    if found is None:
        raise BaseError(f"the Python of the base needs {loader}, and no glibc is there")
    return f"glibc {found[1].decode()}"
