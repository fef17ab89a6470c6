"""The strict cursor: what is there is read, what is wrong is noted once, the rest is unknown."""

from __future__ import annotations

import time
from datetime import date
from math import inf, nan
from typing import TYPE_CHECKING, Any

import pytest

from xtask.diagnostics import Place, Problems, Source
from xtask.manifest import grammar
from xtask.manifest.notation.toml import locate
from xtask.manifest.table import Table, shortened

if TYPE_CHECKING:
    from collections.abc import Callable

READS: dict[str, tuple[Callable[[Table], object], object]] = {
    "text": (lambda table: table.text("key"), "word"),
    "text with a default": (lambda table: table.text("key", default="x"), "word"),
    "optional text": (lambda table: table.optional_text("key"), "word"),
    "choice": (lambda table: table.choice("key", ["word"]), "word"),
    "integer": (lambda table: table.integer("key", default=1), 3),
    "boolean": (lambda table: table.boolean("key"), True),
    "texts": (lambda table: table.texts("key"), ["word"]),
    "tables": (lambda table: table.tables("key"), [{}]),
    "table": (lambda table: table.table("key"), {}),
}
ANYTHING = ["word", 3, 2.5, True, ["word"], [{}], {}, [3]]


def table(values: dict[str, Any]) -> Table:
    return Table(values, Place(Source("here")), Problems(), "`here`")


def codes(read: Table) -> list[str]:
    return [problem.code for problem in read.problems.found]


@pytest.mark.parametrize("name", READS)
def test_right_type_is_read_without_a_problem(name: str) -> None:
    read, right = READS[name]
    cursor = table({"key": right})
    read(cursor)
    cursor.done()
    assert codes(cursor) == []


@pytest.mark.parametrize("value", ANYTHING, ids=repr)
@pytest.mark.parametrize("name", READS)
def test_wrong_type_is_noted_once_and_reading_goes_on(name: str, value: object) -> None:
    read, right = READS[name]
    cursor = table({"key": value})
    result = read(cursor)
    cursor.done()
    wrong = type(value) is not type(right) or (value != right and isinstance(value, list))
    assert codes(cursor) == (["XT0203"] if wrong else [])
    if wrong and isinstance(result, str):
        assert result in {"", "x"}


@pytest.mark.parametrize("value", ["word", 3, 2.5, True])
def test_scalar_is_any_plain_value(value: object) -> None:
    cursor = table({"key": value})
    assert cursor.scalar("key") == value
    assert codes(cursor) == []


@pytest.mark.parametrize("value", [[1], {}, float("inf"), float("-inf"), float("nan")], ids=repr)
def test_refuses_what_json_cannot_say(value: object) -> None:
    cursor = table({"key": value, "list": [value]})
    assert cursor.scalar("key") is None
    assert cursor.scalars("list") == ()
    assert codes(cursor) == ["XT0203", "XT0203"]


def test_absent_key_is_a_problem_only_when_it_is_required() -> None:
    cursor = table({})
    assert cursor.text("key") == ""
    assert cursor.text("other", default="x") == "x"
    assert cursor.optional_text("third") is None
    assert cursor.scalar("fourth") is None
    assert [problem.message for problem in cursor.problems.found] == ["`key` is missing in `here`"]


def test_string_outside_its_grammar_is_read_as_nothing() -> None:
    cursor = table({"key": "Not A Name"})
    assert cursor.text("key", grammar=grammar.NAME) == ""
    assert codes(cursor) == ["XT0205"]


def test_no_grammar_takes_more_than_its_limit() -> None:
    cursor = table({"key": "a" * (grammar.MAX_LENGTH + 1), "fits": "a" * grammar.MAX_LENGTH})
    assert cursor.text("key", grammar=grammar.NAME) == ""
    assert cursor.text("fits", grammar=grammar.NAME) == "a" * grammar.MAX_LENGTH
    (problem,) = cursor.problems.found
    assert problem.message == f"`{'a' * 59}…` has more than 200 characters"


def test_choice_suggests_the_nearest_or_lists_all() -> None:
    cursor = table({"near": "relese", "far": "xyz"})
    cursor.choice("near", ["release", "debug"])
    cursor.choice("far", ["release", "debug"])
    assert [problem.help for problem in cursor.problems.found] == [
        "did you mean `release`?",
        "its values are `debug` and `release`",
    ]


def test_what_nobody_asked_for_is_unknown_at_its_key() -> None:
    text = "[part]\nknown = 1\nunknwon = 2\n"
    source = Source("x.toml", text, locate)
    cursor = Table({"known": 1, "unknwon": 2}, Place(source, ("part",)), Problems(), "`[part]`")
    cursor.integer("known", default=0)
    cursor.integer("unknown", default=0)
    cursor.done()
    (problem,) = cursor.problems.found
    assert (problem.code, problem.help) == ("XT0201", "did you mean `unknown`?")
    assert tuple(problem.place.span()) == (3, 1, 7)


def test_something_else_than_a_table_is_one_problem_and_not_many() -> None:
    cursor = table({"part": 5})
    part = cursor.table("part")
    part.text("required")
    assert codes(cursor) == ["XT0203"]


@pytest.mark.parametrize(("length", "expected"), [(60, 60), (61, 60), (1000, 60)])
def test_long_text_is_quoted_by_its_start(length: int, expected: int) -> None:
    assert len(shortened("x" * length)) == expected


@pytest.mark.parametrize("value", [None, "a", 1, 1.5, True, [], {}, [{"a": [None, 1.5]}]])
def test_a_plain_value_is_read_as_it_stands(value: object) -> None:
    cursor = table({"key": value})
    assert (cursor.plain("key"), codes(cursor)) == (value, [])


def deep(levels: int) -> object:
    value: object = 1
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("value", "where"),
    [
        (inf, ("key",)),
        ([1, {"a": nan}], ("key", 1, "a")),
        ({"day": date(2026, 1, 1)}, ("key", "day")),
        (deep(18), ("key", *[0] * 17)),
        (deep(190), ("key", *[0] * 17)),
    ],
)
def test_what_json_does_not_have_is_noted_where_it_is(
    value: object, where: tuple[str | int, ...]
) -> None:
    cursor = table({"key": value})
    assert cursor.plain("key") is None
    assert codes(cursor) == ["XT0203"]
    assert cursor.problems.found[0].place.key == where
    assert table({"key": deep(17)}).plain("key") == deep(17)


def test_of_very_many_unknown_keys_the_first_are_shown() -> None:
    problems = Problems()
    values = {f"k{number}": 1 for number in range(20_000)}
    started = time.process_time()
    Table(values, Place(Source("x.json")), problems, "`x.json`").done()
    assert time.process_time() - started < 1
    assert len(problems.found) == 41
    assert problems.found[-1].message == "19960 more unknown keys in `x.json`"
