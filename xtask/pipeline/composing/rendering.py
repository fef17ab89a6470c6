"""Generated files of a selection, rendered once for the same facts and the same generator."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import xtask.generate
from xtask.digest import hex_of, sha256_of, sha256_of_files
from xtask.files import write_folder
from xtask.receipts import Receipts, write_inputs
from xtask.resolve.facts import facts

if TYPE_CHECKING:
    from xtask.receipts import Inputs
    from xtask.resolve.select import Selection
    from xtask.settings import Workspace


def rendered(selection: Selection, workspace: Workspace) -> tuple[dict[str, bytes], str]:
    """Return the generated files by name, and why they had to be rendered; nothing when not."""
    room = Path(xtask.generate.__file__).parent
    recipe = sha256_of_files(sorted([*room.glob("*.py"), *room.glob("templates/*.j2")]))
    known = facts(selection)
    key = hex_of(sha256_of([known, recipe]))
    folder = workspace.cache / "generated" / key
    if folder.is_dir():
        return {path.name: path.read_bytes() for path in folder.iterdir()}, ""
    from xtask.generate.tree import generate  # noqa: PLC0415 - start-up

    receipts, inputs = Receipts(workspace.cache / "rendered"), _inputs(known, recipe)
    reason = receipts.reason("generated", key, inputs)
    files = {file.name: file.data for file in generate(selection)}
    write_folder(folder, files)
    receipts.is_now("generated", key)
    receipts.keep()
    write_inputs(workspace.cache / "rendered" / key, inputs)
    return files, reason


def _inputs(known: dict[str, Any], recipe: str) -> Inputs:
    return {
        "manifest": {module["name"]: sha256_of(module) for module in known["modules"]},
        "product": {name: sha256_of(said) for name, said in known.items() if name != "modules"},
        "format": {"generated files": recipe},
    }
