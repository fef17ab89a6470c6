"""Evidence as a table in which a campaign's row stays until that campaign is repeated."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


class Page(NamedTuple):
    """One page: what is above the table, and its columns, the first of which name a campaign."""

    path: Path
    head: str
    names: tuple[str, ...]
    numbers: tuple[str, ...]

    def put(self, names: Sequence[str], numbers: Sequence[int], commit: str) -> None:
        """Write a campaign's row, behind those that are there or in the place of its last one."""
        rows = self._rows()
        cells = (*names, *(f"{one:,}" for one in numbers), commit, f"{datetime.now(UTC):%Y-%m-%d}")
        rows[tuple(names)] = cells
        head = (*self.names, *self.numbers, "commit", "date")
        rule = (*(":--" for _ in self.names), *("--:" for _ in self.numbers), ":--", ":--")
        table = "".join(f"| {' | '.join(row)} |\n" for row in (head, rule, *rows.values()))
        self.path.write_text(self.head + table)

    def _rows(self) -> dict[tuple[str, ...], tuple[str, ...]]:
        page = self.path.read_text() if self.path.exists() else ""
        rows = [line for line in page.splitlines() if line.startswith("|")][2:]
        found = [tuple(cell.strip() for cell in row.strip("|").split("|")) for row in rows]
        return {cells[: len(self.names)]: cells for cells in found}
