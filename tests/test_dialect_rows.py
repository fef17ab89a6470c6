"""Every row of `docs/dialects.md` has a test whose name begins with it: `test_f9_…`.

A test of two rows names both: `test_v15_n11_…`. Rows that begin with `-` promise nothing to test.
"""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
_ROW = re.compile(r"^\| ([FVNBR][0-9]+) [^|]+\| (- )?", re.MULTILINE)
_TEST = re.compile(r"^(?:async )?def test_((?:[fvnbr][0-9]+_)+)", re.MULTILINE)


def rows() -> dict[str, bool]:
    """Return the rows of all tables, and whether each has to have a test."""
    page = (ROOT / "docs" / "dialects.md").read_text()
    return {name: not unneeded for name, unneeded in _ROW.findall(page)}


def named() -> dict[str, list[str]]:
    """Return the rows that tests name, each with the files of its tests."""
    found: dict[str, list[str]] = {}
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for prefix in _TEST.findall(path.read_text()):
            for row in prefix.upper().strip("_").split("_"):
                found.setdefault(row, []).append(str(path.relative_to(ROOT)))
    return found


def test_every_row_that_promises_something_has_a_test() -> None:
    tests = named()
    assert [row for row, has_test in rows().items() if has_test and row not in tests] == []


def test_no_test_names_a_row_that_is_not_there() -> None:
    known = rows()
    assert {row: files for row, files in named().items() if row not in known} == {}


def test_no_row_is_overlooked() -> None:
    counted = {letter: sum(row.startswith(letter) for row in rows()) for letter in "FVNBR"}
    assert counted == {"F": 17, "V": 20, "N": 12, "B": 13, "R": 9}
