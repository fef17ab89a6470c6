"""The dialects that a module can be written in, and reading one module in whichever it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from xtask.diagnostics import Place, Problems, Source, listed
from xtask.manifest import native
from xtask.manifest.project import with_project
from xtask.manifest.table import Table
from xtask.manifest.toml import read_toml

if TYPE_CHECKING:
    from pathlib import Path

    from xtask.manifest.module import Module


class Dialect(Protocol):
    """One manifest format; a Python module with these names satisfies it."""

    NAME_OF_DIALECT: str
    FILENAME: str

    def read(self, table: Table, root: Path | None) -> Module:
        """Return the normal form of a manifest."""


DIALECTS: tuple[Dialect, ...] = (native,)


def read_module(root: Path, shown: str, problems: Problems) -> Module | None:
    """Read the module in a folder, whichever dialect its manifest is in.

    Args:
        root: the module's folder.
        shown: that folder as the user knows it.
        problems: where everything wrong goes.
    """
    found = [dialect for dialect in DIALECTS if (root / dialect.FILENAME).exists()]
    if len(found) != 1:
        names = listed(dialect.FILENAME for dialect in found or DIALECTS)
        what = f"holds {names}, which is one too many" if found else f"has no {names}"
        problems.add(
            "XT0101",
            f"`{shown}` {what}",
            Place(Source(shown)),
            help="a module has one manifest at the top of its folder",
        )
        return None
    module = read_manifest(
        root / found[0].FILENAME,
        f"{shown}/{found[0].FILENAME}",
        problems,
        root=root,
        dialect=found[0],
    )
    return module and with_project(module, root, shown, problems)


def read_manifest(
    path: Path,
    shown: str,
    problems: Problems,
    *,
    root: Path | None = None,
    dialect: Dialect = native,
) -> Module | None:
    """Read one manifest file; `root` is None when the module's files are in a published wheel."""
    read = read_toml(path, shown, problems)
    if read is None:
        return None
    source, values = read
    return dialect.read(Table(values, Place(source), problems, f"`{path.name}`"), root)
