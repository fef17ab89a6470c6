"""What Flux offers to import, which modules of every other system do without."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xtask.diagnostics import listed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from xtask.diagnostics import Problems
    from xtask.manifest.code import Code

SDK = "module_sdk"
# The SDK, and the module of Flux's host with its way to the database.
_ONLY_OF_FLUX = frozenset({SDK, "database"})


def refuse_sdk(
    files: Mapping[str, Code], package: str, offered: Sequence[str], problems: Problems
) -> None:
    """Note every import of what only Flux has (XT0219); one that may fail is a warning.

    Args:
        files: the module's Python files.
        package: what it is imported as, such as `modules.shop`.
        offered: what the module's own system offers instead; nothing when it offers no code.
        problems: where it is noted.
    """
    for code in files.values():
        for item in code.imports:
            first = item.module.split(".", maxsplit=1)[0]
            if item.level == 0 and first in _ONLY_OF_FLUX:
                problems.add(
                    "XT0219",
                    f"`{package}` imports `{first}`, which only modules of Flux have",
                    item.place,
                    help=f"its own system has {listed(offered)}"
                    if offered
                    else "import `fastapi` and `pydantic` themselves; what is called gets the unit "
                    "of work as `context`",
                    severity="warning" if item.guarded else "error",
                )
