"""Reading JSON: whatever the bytes, a table or one problem, and every place is the right one."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.budgets import budget
from tests.support.workspace import no_problems
from xtask.diagnostics import Place, Problems, Span
from xtask.manifest.notation.json import locate, parse_json, read_json
from xtask.manifest.notation.text import MAX_BITS, MAX_BYTES, MAX_DEPTH, MAX_PARTS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from xtask.diagnostics import KeyPath

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    TEXTS,
    st.integers(-(2**MAX_BITS) + 1, 2**MAX_BITS - 1),
    st.floats(allow_nan=False, allow_infinity=False),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXTS, inner, max_size=3)),
    max_leaves=8,
)
TABLES = st.dictionaries(TEXTS, VALUES, max_size=4)
FORMS = st.fixed_dictionaries(
    {
        "indent": st.sampled_from([None, 0, 2, "\t"]),
        "ensure_ascii": st.booleans(),
        "separators": st.sampled_from([(",", ":"), (" , ", " : ")]),
    }
)
NEWLINES = st.sampled_from(["\n", "\r\n"])


def read(text: str) -> tuple[Any, Problems]:
    problems = Problems()
    found = parse_json(text, "module.json", problems)
    return found, problems


def cut(text: str, span: Span) -> str:
    line = text.split("\n")[span.line - 1]
    assert 1 <= span.column <= len(line) + 1
    return line[span.column - 1 : span.column - 1 + span.length]


def inside(item: Any, path: KeyPath = ()) -> Iterator[tuple[KeyPath, Any]]:
    pairs = item.items() if isinstance(item, dict) else enumerate(item)
    for name, entry in pairs:
        yield (*path, name), entry
        if isinstance(entry, dict | list):
            yield from inside(entry, (*path, name))


@budget(200)
@given(TABLES, FORMS, NEWLINES)
def test_what_was_written_is_read_and_every_key_and_value_is_cut_out_of_the_text(
    table: dict[str, Any], form: dict[str, Any], newline: str
) -> None:
    text = json.dumps(table, **form).replace("\n", newline)
    found, problems = read(text)
    no_problems(problems)
    assert found.values == table
    for path, value in inside(table):
        written = cut(text, locate(text, path, "value"))
        if not isinstance(value, dict | list) or form["indent"] is None or not value:
            assert json.loads(written) == value
        else:
            assert written[0] == ("{" if isinstance(value, dict) else "[")
        if isinstance(path[-1], str):
            assert json.loads(cut(text, locate(text, path, "key"))) == path[-1]


@pytest.mark.parametrize(
    ("path", "part", "expected"),
    [
        (("имя",), "key", '"имя"'),
        (("имя",), "value", '"漢字"'),
        (("after",), "value", "[1, 2]"),
        (("after", 1), "value", "2"),
        (("after", 7), "value", '"after"'),
        (("tab",), "value", "{"),
        (("tab", "in\nside"), "key", '"in\\nside"'),
        (("tab", "nothing", "below"), "value", '"tab"'),
        (("nothing",), "value", "{"),
        ((), "value", "{"),
    ],
)
def test_the_place_is_the_nearest_thing_there_is(path: KeyPath, part: Any, expected: str) -> None:
    text = (
        '{ "имя": "漢字", "after": [1, 2],\r\n'
        '\t"tab"\t:\t{\r\n\t\t"in\\nside": null\r\n\t}\r\n}\r\n'
    )  # fmt: skip
    assert cut(text, locate(text, path, part)) == expected


def test_a_byte_order_mark_moves_no_column(tmp_path: Path) -> None:
    path, problems = tmp_path / "module.json", Problems()
    path.write_bytes(b'\xef\xbb\xbf{"a": 1}')
    found = read_json(path, "module.json", problems)
    assert found
    assert found.values == {"a": 1}
    assert tuple(Place(found.source, ("a",)).span()) == (1, 7, 1)


@pytest.mark.parametrize(
    ("text", "message", "span"),
    [
        ("", "this is not JSON: Expecting value", (1, 1)),
        (
            '{"a": 1,}',
            "this is not JSON: Expecting property name",
            (1, 9),
        ),
        ('{"a": 1 // c\n}', "this is not JSON: Expecting ',' delimiter", (1, 9)),
        ("{\n  \"é\": 'x'\n}", "this is not JSON: Expecting value", (2, 8)),
        ('{"a": "x\ny"}', "this is not JSON: Invalid control character at", (1, 9)),
        ('\ufeff{"a" 1}', "this is not JSON: Expecting ':' delimiter", (1, 6)),
        ('{"a": 1} {', "this is not JSON: Extra data", (1, 10)),
        ("[1]", "this JSON is not a table", (1, 1)),
        ("null", "this JSON is not a table", (1, 1)),
        ('{"a": 1,\n "b": "a", "a": 2}', "one table has the key `a` twice", (2, 12)),
        ('{"x": {"a": 1, "\\u0061": 2}, "a": 3}', "one table has the key `a` twice", (1, 16)),
        ('{"a": NaN}', "`module.json` has a number that JSON does not have", (1, 1)),
        ('{"a": -Infinity}', "`module.json` has a number that JSON does not have", (1, 1)),
        ('{"a": 1e999}', "`module.json` has a number that JSON does not have", (1, 1)),
        ('{"a": ' + "1" * 5000 + "}", "`module.json` has a number that JSON does not have", (1, 1)),
        ('{"a": [1, 18446744073709551616]}', "this number has more than 64 bits", (1, 11)),
        ('{"é": {"a": "\\ud800"}}', "this has half a character (a lone surrogate), which", (1, 13)),
        ('{"b": 1, "\\udfff": 1}', "this has half a character (a lone surrogate), which", (1, 10)),
        ('{"a":' + "[" * 9999, "`module.json` is nested too deeply", (1, 1)),
        ('{"a":' * 250 + "1" + "}" * 250, "`module.json` is nested too deeply", (1, 1)),
        ('{"a": [0' + ",0" * MAX_PARTS + "]}", "`module.json` has too many parts", (1, 1)),
    ],
    ids=lambda value: str(value)[:24],
)
def test_refuses_what_is_not_json_where_the_defect_is(
    text: str, message: str, span: tuple[int, int]
) -> None:
    found, problems = read(text)
    assert found is None
    (problem,) = problems.found
    assert (problem.code, tuple(problem.place.span())[:2]) == ("XT0104", span)
    assert problem.message.startswith(message)
    assert problem.help


def test_the_limits_themselves_are_read() -> None:
    deep = '{"a":' + "[" * (MAX_DEPTH - 1) + "7" + "]" * (MAX_DEPTH - 1) + "}"
    many = '{"a":[' + ",".join("1" * (MAX_PARTS - 1)) + "]}"
    for text in (deep, many, '{"a": 18446744073709551615, "b": "\\ud83d\\ude00", "\\u0000": ""}'):
        found, problems = read(text)
        no_problems(problems)
        assert found
    assert cut(deep, locate(deep, ("a", *[0] * (MAX_DEPTH - 1)), "value")) == "7"


@pytest.mark.parametrize(
    ("data", "code"),
    [(b'{"a": "\xff"}', "XT0103"), (b" " * (MAX_BYTES + 1), "XT0102"), (b"\xff\xfe{\0", "XT0103")],
)
def test_refuses_bytes_that_are_no_text(tmp_path: Path, data: bytes, code: str) -> None:
    path, problems = tmp_path / "module.json", Problems()
    path.write_bytes(data)
    assert read_json(path, "module.json", problems) is None
    assert [problem.code for problem in problems.found] == [code]


WORDS = """{"a": "a" \\u00 \\ud800 1e9 null NaN // /* 'a' {"a":1,"a":1} é"""
PIECES = st.sampled_from([*WORDS.split(), *"{}[],:\"\\ \n\r\t0-'\0\ufeff"])
BYTES = st.one_of(
    st.binary(max_size=60),
    st.lists(PIECES, max_size=25).map(lambda pieces: "".join(pieces).encode()),
    st.tuples(PIECES, st.integers(0, 5000)).map(lambda item: (item[0] * item[1]).encode()),
)


@budget(300)
@given(BYTES)
def test_any_bytes_are_a_table_or_one_problem_with_a_place(tmp_path: Path, data: bytes) -> None:
    path, problems, started = tmp_path / "x.json", Problems(), time.process_time()
    path.write_bytes(data)
    found = read_json(path, "x.json", problems)
    assert (found is None) == (len(problems.found) == 1)
    for problem in problems.found:
        cut(problem.place.source.text, problem.place.span())
    assert time.process_time() - started < 1


@pytest.mark.parametrize(
    "text",
    [
        '{"a":[' + '{"é":0},' * 24_000 + "0]}",
        '{"a":[' + "[0]," * 24_000 + "0]}",
        '{"a":"' + "é" * 500_000 + '","b":0}',
        '{"a":[' + "0," * 500_000 + '0],"b":1,"b":2}',
    ],
    ids=["tables", "arrays", "text", "repeated"],
)
def test_the_largest_manifests_are_located_in_a_moment(text: str) -> None:
    started = time.process_time()
    found, problems = read(text)
    place = Place(found.source, ("a", 20_000, "é")) if found else problems.found[0].place
    cut(text, place.span())
    assert time.process_time() - started < 2
