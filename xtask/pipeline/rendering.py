"""Generated files of a selection, rendered once for the same facts and the same generator."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import xtask.generate
from xtask.digest import hex_of, sha256_of, sha256_of_files
from xtask.files import write_folder
from xtask.resolve.facts import facts

if TYPE_CHECKING:
    from xtask.resolve.select import Selection
    from xtask.settings import Workspace


def rendered(selection: Selection, workspace: Workspace) -> tuple[dict[str, bytes], bool]:
    """Return the generated files by name, and whether they were rendered before."""
    room = Path(xtask.generate.__file__).parent
    recipe = sha256_of_files(sorted([*room.glob("*.py"), *room.glob("templates/*.j2")]))
    folder = workspace.cache / "generated" / hex_of(sha256_of([facts(selection), recipe]))
    if folder.is_dir():
        return {path.name: path.read_bytes() for path in folder.iterdir()}, True
    from xtask.generate.tree import generate  # noqa: PLC0415 - start-up

    files = {file.name: file.data for file in generate(selection)}
    write_folder(folder, files)
    return files, False
