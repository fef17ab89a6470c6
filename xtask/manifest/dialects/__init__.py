"""The dialects that a module can be written in, and reading one module in whichever it is.

A dialect is imported when a manifest may be in it: most products have modules of one or two.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol, cast

from xtask.diagnostics import Place, Problems, listed
from xtask.manifest.folder import Folder
from xtask.manifest.notation.json import read_json
from xtask.manifest.notation.literal import read_literal
from xtask.manifest.notation.toml import read_toml
from xtask.manifest.project import with_project
from xtask.manifest.table import Table, shortened

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from xtask.manifest.module import Module
    from xtask.manifest.notation.text import Read


class Dialect(Protocol):
    """One manifest format; a Python module with these names satisfies it."""

    @property
    def NAME_OF_DIALECT(self) -> str:  # noqa: N802 - a constant of the module
        """What users call it, which is also the module's name."""

    @property
    def PLATFORM(self) -> frozenset[str]:  # noqa: N802
        """The Python packages that its system has, which no module there declares."""

    def recognises(self, values: Mapping[str, Any]) -> bool:
        """Return whether a manifest of this file name is of this dialect."""

    def read(self, table: Table, folder: Folder | None) -> Module:
        """Return the normal form of a manifest; what is wrong goes to the table's problems.

        Args:
            table: the whole document.
            folder: the module's folder, None when its files are in a published wheel.
        """


FILENAMES = {
    "native": ("module.toml",),
    "flux": ("module.json",),
    "fastvue": ("__manifest__.py", "__openerp__.py"),
    "rustok": ("rustok-module.toml",),
    "capability": ("manifest.json",),
    "bmc": ("module.json",),
}
"""The names that manifests have in each dialect."""

if TYPE_CHECKING:
    from xtask.manifest.dialects import bmc, capability, fastvue, flux, native, rustok

    # Holds each of them to the protocol.
    _satisfied: tuple[Dialect, ...] = (native, flux, fastvue, rustok, capability, bmc)

_NATIVE = "native"
_SHOWN = 3
_NOTATIONS: dict[str, Callable[[Path, str, Problems], Read | None]] = {
    ".toml": read_toml,
    ".json": read_json,
    ".py": read_literal,
}


def dialect_called(name: str) -> Dialect:
    """Return one of the dialects in `FILENAMES`."""
    return cast("Dialect", import_module(f"{__name__}.{name}"))


def read_module(root: Path, shown: str, problems: Problems, *, called: str = "") -> Module | None:
    """Read the module in a folder, whichever dialect its manifest is in.

    Args:
        root: the module's folder.
        shown: that folder as the user knows it.
        problems: where everything wrong goes.
        called: the name of a folder that has none of its own, such as one in an archive.
    """
    names = {name for some in FILENAMES.values() for name in some}
    found = sorted(names.intersection(os.listdir(root)))  # noqa: PTH208 - thousands of modules
    folder = Folder(root, shown, called)
    if len(found) != 1:
        _note_not_one(found, names, folder, problems)
        return None
    module = read_manifest(root / found[0], f"{shown}/{found[0]}", problems, folder=folder)
    return module and with_project(module, folder, problems)


def _note_not_one(found: list[str], names: set[str], folder: Folder, problems: Problems) -> None:
    """Note a folder without a manifest, or with several (XT0101)."""
    below = sorted(
        name
        for name in os.listdir(folder.root)  # noqa: PTH208 - names only
        if any(folder.has_file(f"{name}/{manifest}") for manifest in names)
    )
    tip = "a module has one manifest at the top of its folder"
    if found:
        what = f"holds {listed(found)}, which is one too many"
    elif below:
        has = "has" if len(below) == 1 else "have"
        what = f"has no manifest, but {listed(map(shortened, below[:_SHOWN]))} in it {has} one"
        tip += ": name that one, or pack it alone"
    else:
        what = "has no manifest"
        tip += f": {listed(sorted(names))}"
    problems.add("XT0101", f"`{folder.shown}` {what}", folder.place(), help=tip)


def read_manifest(
    path: Path, shown: str, problems: Problems, *, folder: Folder | None = None
) -> Module | None:
    """Read one manifest file in the dialect that its name and content say.

    Args:
        path: the file; its name decides the notation. One with a name of the user's own is native.
        shown: its path as the user knows it.
        problems: where everything wrong goes.
        folder: the module's folder, None when its files are in a published wheel.
    """
    read = _NOTATIONS.get(path.suffix, read_toml)(path, shown, problems)
    if read is None:
        return None
    dialect = _dialect(path.name, read, problems)
    if dialect is None:
        return None
    return dialect.read(Table(read.values, Place(read.source), problems, f"`{path.name}`"), folder)


def _dialect(name: str, read: Read, problems: Problems) -> Dialect | None:
    """Return the one dialect that a manifest is in; XT0109 when there is none, or two."""
    candidates = [
        dialect_called(dialect) for dialect, names in FILENAMES.items() if name in names
    ] or [dialect_called(_NATIVE)]
    found = [dialect for dialect in candidates if dialect.recognises(read.values)]
    if len(found) == 1:
        return found[0]
    names = listed(dialect.NAME_OF_DIALECT for dialect in (found or candidates))
    if not found:
        problems.add(
            "XT0109",
            f"no key of this `{name}` says which dialect it is in",
            Place(read.source),
            help=f"it has the file name of {names}; docs/dialects.md says which keys these have",
        )
        return None
    first, *others = [_sign(dialect, read) for dialect in found]
    problems.add(
        "XT0109",
        f"this `{name}` has keys of {names}",
        *first,
        others=others,
        help="remove the keys of all but one of them",
    )
    return None


def _sign(dialect: Dialect, read: Read) -> tuple[Place, str]:
    """Return the first key by which a dialect recognises a manifest, and what to say of it."""
    place = Place(read.source)
    signs = (key for key, value in read.values.items() if dialect.recognises({key: value}))
    key = next(signs, None)
    text = f"a key of `{dialect.NAME_OF_DIALECT}`"
    return (place.at(key, part="key"), text) if key else (place, text)
