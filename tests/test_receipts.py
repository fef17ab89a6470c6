"""Reasons: they name what changed, and never fail when what they stand on is gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from xtask.receipts import FIRST, GONE, Receipts, difference, in_words, write_inputs

if TYPE_CHECKING:
    from pathlib import Path

INPUTS = {"source": {"a.py": "1", "b.py": "2"}, "build requirement": {"hatchling": "1.25"}}


def made(folder: Path, key: str = "one") -> None:
    """Keep what one thing was made from."""
    receipts = Receipts(folder)
    receipts.is_now("shop", key)
    receipts.keep()
    (folder / key).mkdir(parents=True)
    write_inputs(folder / key, INPUTS)


def test_what_was_never_made_is_made_for_the_first_time(tmp_path: Path) -> None:
    assert Receipts(tmp_path).reason("shop", "one", INPUTS) == FIRST


def test_what_has_the_key_of_last_time_was_gone(tmp_path: Path) -> None:
    made(tmp_path)
    assert Receipts(tmp_path).reason("shop", "one", INPUTS) == GONE


@pytest.mark.parametrize(
    ("now", "said"),
    [
        ({"source": {"a.py": "9", "b.py": "2"}}, "source changed: a.py"),
        ({"source": {"a.py": "9", "b.py": "9"}}, "source changed: a.py and 1 more"),
        ({"source": INPUTS["source"] | {"c.py": "3"}}, "source added: c.py"),
        ({"source": {"b.py": "2"}}, "source removed: a.py"),
        ({"build requirement": {"hatchling": "1.26"}}, "build requirement changed: hatchling"),
        ({"format": {"layer": "2"}}, "format added: layer"),
    ],
)
def test_the_reason_names_what_differs(
    tmp_path: Path, now: dict[str, dict[str, str]], said: str
) -> None:
    made(tmp_path)
    assert Receipts(tmp_path).reason("shop", "two", {**INPUTS, **now}) == said


def test_equal_inputs_do_not_differ() -> None:
    assert difference(INPUTS, INPUTS) == ""


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"source": 1}', '{"source": "a"}'])
def test_damaged_receipts_only_say_less(tmp_path: Path, damage: str) -> None:
    made(tmp_path)
    now = {"source": {"a.py": "9"}}
    (tmp_path / "one/inputs.json").write_text(damage)
    assert Receipts(tmp_path).reason("shop", "two", now) == GONE
    (tmp_path / "latest.json").write_text(damage)
    assert Receipts(tmp_path).reason("shop", "two", now) == FIRST


def test_a_thing_that_nobody_asked_for_keeps_its_key(tmp_path: Path) -> None:
    made(tmp_path)
    other = Receipts(tmp_path)
    other.is_now("crm", "two")
    other.keep()
    assert Receipts(tmp_path).reason("shop", "one", INPUTS) == GONE
    assert Receipts(tmp_path).reason("crm", "two", INPUTS) == GONE


def test_reasons_that_many_have_are_one_line() -> None:
    reasons = {"crm": "new", "shop": "source changed: a.py", "cart": "new"}
    assert in_words(reasons) == ["2 of them: new", "shop: source changed: a.py"]
    assert in_words({"": "the lock changed"}) == ["the lock changed"]
    assert in_words({}) == []


def test_more_than_a_few_reasons_are_counted() -> None:
    assert in_words({f"m{n}": f"r{n}" for n in range(8)}) == [
        *(f"m{n}: r{n}" for n in range(5)), "3 more reasons"
    ]  # fmt: skip
