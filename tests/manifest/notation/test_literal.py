"""Reading a Python literal: nothing runs, and every place is the right one."""

from __future__ import annotations

import ast
import time
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.budgets import budget
from tests.support.workspace import no_problems
from xtask.diagnostics import Place, Problems, Span
from xtask.manifest.notation.literal import MAX_LITERAL_BYTES, locate, parse_literal, read_literal
from xtask.manifest.notation.text import MAX_BITS

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
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(TEXTS, inner, max_size=3),
    ),
    max_leaves=8,
)
TABLES = st.dictionaries(TEXTS, VALUES, max_size=4)


def read(text: str) -> tuple[Any, Problems]:
    problems = Problems()
    return parse_literal(text, "__manifest__.py", problems), problems


def plain(item: Any) -> Any:
    if isinstance(item, dict):
        return {name: plain(entry) for name, entry in item.items()}
    return [plain(entry) for entry in item] if isinstance(item, list | tuple) else item


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
@given(TABLES, st.sampled_from(["", "# comment é\r\n\r\n", '"""Words\nof it."""\n', "\ufeff"]))
def test_what_was_written_is_read_and_every_key_and_value_is_cut_out_of_the_text(
    table: dict[str, Any], before: str
) -> None:
    found, problems = read(before + repr(table))
    no_problems(problems)
    assert found.values == plain(table)
    text = found.source.text
    for path, value in inside(found.values):
        written = cut(text, locate(text, path, "value"))
        assert plain(ast.literal_eval(written)) == value
        if isinstance(path[-1], str):
            assert ast.literal_eval(cut(text, locate(text, path, "key"))) == path[-1]


ODOO = (
    "# -*- coding: utf-8 -*-\r\n# Part of Odoo. Всё.\r\n{\r\n"
    "\t'name' : u'漢字', 'after': 1,\r\n"
    "    'description': '''\r\nmore\r\n''', 'last': (\"a\"\r\n  \"b\"),\r\n"
    "    'assets': {'web.x': [('include', 'web.y'), 'a' 'b',],},\r\n"
    "    'data': ['a.xml', # comment ]\r\n\t\t'é.xml'], 'sum': 'a' + 'b', 'minus': -1,\r\n}\r\n"
)


@pytest.mark.parametrize(
    ("path", "part", "expected"),
    [
        (("name",), "key", "'name'"),
        (("name",), "value", "u'漢字'"),
        (("after",), "value", "1"),
        (("description",), "value", "'''"),
        (("last",), "key", "'last'"),
        (("last",), "value", '"a"'),
        (("assets", "web.x", 0), "value", "('include', 'web.y')"),
        (("assets", "web.x", 0, 1), "value", "'web.y'"),
        (("assets", "web.x", 1), "value", "'a' 'b'"),
        (("data", 1), "value", "'é.xml'"),
        (("data", 2), "value", "'data'"),
        (("sum",), "value", "'a' + 'b'"),
        (("minus",), "value", "-1"),
        (("assets", "nothing", "below"), "value", "'assets'"),
        (("nothing",), "value", "#"),
    ],
)
def test_the_place_is_the_nearest_thing_there_is(path: KeyPath, part: Any, expected: str) -> None:
    found, problems = read(ODOO)
    no_problems(problems)
    assert cut(found.source.text, locate(found.source.text, path, part)) == expected


def test_every_form_of_a_literal_is_read() -> None:
    found, problems = read(ODOO)
    no_problems(problems)
    assert found.values == {
        "name": "漢字",
        "after": 1,
        "description": "\nmore\n",
        "last": "ab",
        "assets": {"web.x": [["include", "web.y"], "ab"]},
        "data": ["a.xml", "é.xml"],
        "sum": "ab",
        "minus": -1,
    }
    found, _ = read("{'a': {1}, 'b': +2, 'c': -0.5, 'd': r'\\d', 'e': '\\d', 'f': 0x10, 'g': 1_0}")
    assert found.values == {
        "a": [1], "b": 2, "c": -0.5, "d": "\\d", "e": "\\d", "f": 16, "g": 10,
    }  # fmt: skip


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_lines_are_counted_whatever_ends_them(newline: str) -> None:
    found, _ = read(newline.join(["# é", "{", "\t'a': 1,", "", "  'b': 2}"]))
    assert tuple(Place(found.source, ("b",)).span()) == (5, 8, 1)


def test_a_byte_order_mark_moves_no_column(tmp_path: Path) -> None:
    path = tmp_path / "__manifest__.py"
    path.write_bytes(b"\xef\xbb\xbf{'a': 1}")
    found = read_literal(path, "__manifest__.py", Problems())
    assert found
    assert tuple(Place(found.source, ("a",)).span()) == (1, 7, 1)


EXECUTED = "this is not a literal, so it would have to be executed"


@pytest.mark.parametrize(
    ("text", "message", "span"),
    [
        ("{'a': f()}", EXECUTED, (1, 7, 3)),
        ("{'é': f'{x}'}", EXECUTED, (1, 7, 6)),
        ("{\n 'a': [1, (b := 2)]}", EXECUTED, (2, 12, 6)),
        ("{'a': lambda: 1}", EXECUTED, (1, 7, 9)),
        ("{'a': [x for x in y]}", EXECUTED, (1, 7, 14)),
        ("{'a': name}", EXECUTED, (1, 7, 4)),
        ("{'a': a.b}", EXECUTED, (1, 7, 3)),
        ("{'a': 'x' % 1}", EXECUTED, (1, 7, 7)),
        ("{'a': 'x' * 9}", EXECUTED, (1, 7, 7)),
        ("{'a': 1 + 2}", EXECUTED, (1, 7, 5)),
        ("{'a': 'x' + 2}", EXECUTED, (1, 7, 7)),
        ("{'a': not True}", EXECUTED, (1, 7, 8)),
        ("{'a': -True}", EXECUTED, (1, 7, 5)),
        ("{'a': -'x'}", EXECUTED, (1, 7, 4)),
        ("{'a': 1 if x else 2}", EXECUTED, (1, 7, 13)),
        ("{'a': [*b]}", EXECUTED, (1, 8, 2)),
        ("{'a': b'x'}", "a manifest has no bytes, complex numbers or `...`", (1, 7, 4)),
        ("{'a': 1j}", "a manifest has no bytes, complex numbers or `...`", (1, 7, 2)),
        ("{'a': ...}", "a manifest has no bytes, complex numbers or `...`", (1, 7, 3)),
        ("{'a': 1e999}", "this number is too large", (1, 7, 5)),
        ("{'a': -1e999}", "this number is too large", (1, 8, 5)),
        ("{**b}", "a key must be a string", (1, 4, 1)),
        ("{1: 2}", "a key must be a string", (1, 2, 1)),
        ("{'a' 'b': 1, f(): 2}", "a key must be a string", (1, 14, 3)),
        ("{'a': {'b': 1, 'b': 2}}", "one table has the key `b` twice", (1, 16, 3)),
        ("{'a': " + "[" * 60 + "]" * 60 + "}", "this is nested too deeply", (1, 57, 20)),
        ("{'a': 0x1" + "0" * 16 + "}", "this number has more than 64 bits", (1, 7, 19)),
        ("{'a': '\\ud800'}", "this has half a character (a lone surrogate), which", (1, 7, 8)),
        ("{'a': {'\\ud800': 1}}", "this has half a character (a lone surrogate), which", (1, 8, 8)),
        ("", "this is not one literal dict", (1, 1, 1)),
        ("[1]", "this is not one literal dict", (1, 1, 3)),
        ("{'a'}", "this is not one literal dict", (1, 1, 5)),
        ("a = {}", "this is not one literal dict", (1, 1, 6)),
        ("{}\n{}", "this is not one literal dict", (2, 1, 2)),
        ("{}\n\nMORE = {\n'a': 1}", "this is not one literal dict", (3, 1, 8)),
        ("import os\n{}", "this is not one literal dict", (1, 1, 9)),
        ("{'a': 1", "this is not Python: '{' was never closed", (1, 1, 1)),
        ("{\n 'é': 1\n 'b': 2}", "this is not Python: invalid syntax. Perhaps you", (2, 7, 1)),
        ("{'a': 'x\n'}", "this is not Python: unterminated string literal", (1, 7, 1)),
        ("{'a': 1}\n  x", "this is not Python: unexpected indent", (2, 2, 1)),
        ("{'a': " + "1" * 5000 + "}", "this is not Python: Exceeds the limit (4300", (1, 1, 1)),
        ("{'a': '\0'}", "this is not Python: source code string cannot contain null", (1, 1, 1)),
        ("{'a': " + "-" * 9999 + "1}", "`__manifest__.py` is nested too deeply", (1, 1, 1)),
        ("#" * (MAX_LITERAL_BYTES + 1), "`__manifest__.py` has more than 100,000", (1, 1, 1)),
    ],
    ids=lambda value: str(value)[:24],
)
def test_refuses_what_is_not_one_literal_dict_where_the_defect_is(
    text: str, message: str, span: tuple[int, ...]
) -> None:
    found, problems = read(text)
    assert found is None
    (problem,) = problems.found
    assert (problem.code, tuple(problem.place.span())) == ("XT0104", span)
    assert problem.message.startswith(message)
    assert problem.help


@pytest.mark.parametrize("blanks", [" ", "    ", "\t", " \t "])
def test_blanks_may_come_before_the_dict(blanks: str) -> None:
    found, problems = read(blanks + "{'a': 1,\n 'b': {'c': 2}}\n")
    no_problems(problems)
    assert found.values == {"a": 1, "b": {"c": 2}}
    first, second = Place(found.source).at("a"), Place(found.source).at("b", "c")
    assert tuple(first.span()) == (1, len(blanks) + 7, 1)
    assert tuple(second.span()) == (2, 13, 1)


@pytest.mark.parametrize("text", ["{'a': 1, 'a': 1}", "{'a': {'b': 1, 'b': 2}}"])
def test_the_help_for_a_key_that_is_there_twice_is_to_keep_one(text: str) -> None:
    (problem,) = read(text)[1].found
    assert problem.help == "keep one of them"


def test_nothing_of_a_manifest_is_executed(tmp_path: Path) -> None:
    proof = tmp_path / "proof"
    texts = [
        "{'a': CALL}",
        "{CALL: 1}",
        "{'a': f'{CALL}'}",
        "CALL",
        "{}[CALL]",
        "@CALL\ndef f(): 0",
    ]
    for call in (f"open({str(proof)!r}, 'w')", f"__import__('os').mkdir({str(proof)!r})"):
        for text in texts:
            assert read(text.replace("CALL", call))[0] is None
    assert not proof.exists()


def test_a_manifest_of_exactly_the_limit_is_read() -> None:
    start = "{'a': 1}\n"
    found, problems = read(start + "#" * (MAX_LITERAL_BYTES - len(start)))
    no_problems(problems)
    assert found.values == {"a": 1}


WORDS = "{'a': 'a' ''' f' b' u'é' \\ud800 0x 1e9 1j None lambda: not if {'a':1,'a':1} \\N{DASH}"
PIECES = st.sampled_from([*WORDS.split(), *"{}[](),:'\"\\# \n\r\t*-+=@\0\x0c\ufeff"])
BYTES = st.one_of(
    st.binary(max_size=60),
    st.lists(PIECES, max_size=25).map(lambda pieces: "".join(pieces).encode()),
    st.tuples(PIECES, st.integers(0, 5000)).map(lambda item: (item[0] * item[1]).encode()),
)


@budget(300)
@given(BYTES)
def test_any_bytes_are_a_table_or_one_problem_with_a_place(tmp_path: Path, data: bytes) -> None:
    path, problems, started = tmp_path / "x.py", Problems(), time.process_time()
    path.write_bytes(data)
    found = read_literal(path, "x.py", problems)
    assert (found is None) == (len(problems.found) == 1)
    for problem in problems.found:
        cut(problem.place.source.text, problem.place.span())
    assert time.process_time() - started < 1


@pytest.mark.parametrize(
    "text",
    [
        "{'a': [" + "{'é':0}," * 9_000 + "]}",
        "{'a': [" + "0," * 49_000 + "]}",
        "{'a': f'" + "{a}" * 33_000 + "'}",
        "{'a': " + "'a' + " * 16_000 + "'a'}",
        "{'a': " + "'a' " * 24_000 + "}",
    ],
    ids=["tables", "numbers", "f-string", "sum", "joined"],
)
def test_the_largest_manifests_are_located_in_a_moment(text: str) -> None:
    started = time.process_time()
    found, problems = read(text)
    place = Place(found.source, ("a", 8_000, "é")) if found else problems.found[0].place
    cut(text, place.span())
    assert time.process_time() - started < 2
