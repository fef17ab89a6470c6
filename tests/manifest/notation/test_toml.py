"""Reading TOML: whatever the bytes, a value or a problem, and every place is the right one."""

from __future__ import annotations

import json
import os
import time
import tomllib
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.budgets import budget
from tests.support.workspace import no_problems
from xtask.diagnostics import Place, Problems, Span
from xtask.manifest.notation.text import MAX_BYTES, MAX_PARTS, read_text
from xtask.manifest.notation.toml import locate, parse_toml, read_toml

if TYPE_CHECKING:
    from pathlib import Path

    from xtask.diagnostics import KeyPath

KEYS = st.sampled_from(["a", "b", "long-key_1", "with space", "dotted.key", "ключ", "漢", ""])
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
SCALARS = st.one_of(st.integers(-99, 99), st.booleans(), TEXTS, st.floats(allow_nan=False))
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=3)),
    max_leaves=5,
)
TABLES = st.dictionaries(KEYS, VALUES, max_size=4)
DOCUMENTS = st.fixed_dictionaries(
    {}, optional={"top": TABLES, "nested": st.dictionaries(KEYS, TABLES, max_size=2),
                  "list": st.lists(TABLES, min_size=1, max_size=3), "one": VALUES},
)  # fmt: skip


def quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def key(text: str) -> str:
    return (
        text
        if text.isascii() and text.replace("-", "").replace("_", "").isalnum()
        else quoted(text)
    )


def value(item: Any, *, spread: bool = False) -> str:
    match item:
        case str():
            return quoted(item)
        case bool():
            return str(item).lower()
        case list():
            between = ",\n  # a ] comment\n  " if spread else ", "
            return "[" + between.join(value(entry) for entry in item) + "]"
        case dict():
            inner = ", ".join(f"{key(name)} = {value(entry)}" for name, entry in item.items())
            return "{ " + inner + " }"
    return repr(item)


def document(item: dict[str, Any], newline: str) -> str:
    """Write a document in most of the ways that TOML has for the same thing."""
    lines = [f"one = {value(item['one'], spread=True)}  # comment"] if "one" in item else []
    lines += ["", "  [ top ]"] if "top" in item else []
    lines += [f"\t{key(name)}  =  {value(entry)}" for name, entry in item.get("top", {}).items()]
    for name, table in item.get("nested", {}).items():
        lines += [f"[nested.{key(name)}] # comment"]
        lines += [f"{key(inner)} = {value(entry)}" for inner, entry in table.items()]
    for table in item.get("list", []):
        lines += ["[[list]]"]
        lines += [f"{key(inner)}.x = {value(entry)}" for inner, entry in table.items()]
    return newline.join(lines) + newline


def places(item: Any, path: KeyPath = ()) -> list[KeyPath]:
    inner = (
        item.items()
        if isinstance(item, dict)
        else enumerate(item)
        if isinstance(item, list)
        else ()
    )
    return [path, *(found for name, entry in inner for found in places(entry, (*path, name)))]


def at(item: Any, path: KeyPath) -> Any:
    for step in path:
        item = item[step]
    return item


def cut(text: str, span: Span) -> str:
    line = text.split("\n")[span.line - 1]
    return line[span.column - 1 : span.column - 1 + span.length]


@budget(150)
@given(DOCUMENTS, st.sampled_from(["\n", "\r\n"]))
def test_every_value_that_is_located_is_cut_out_of_the_text(
    item: dict[str, Any], newline: str
) -> None:
    text = document(item, newline)
    known = tomllib.loads(text)
    for path in places(known):
        found = cut(text, locate(text, path, "value"))
        spread = path[:1] == ("one",)
        scalar = isinstance(at(known, path), str | int | float | bool)
        if path and (scalar or (found[:1] in {"[", "{"} and not spread)):
            assert tomllib.loads(f"x = {found}") == {"x": at(known, path)}


@budget(100)
@given(DOCUMENTS)
def test_every_key_that_is_located_is_cut_out_of_the_text(item: dict[str, Any]) -> None:
    text = document(item, "\n")
    for path in places(tomllib.loads(text)):
        if path and isinstance(path[-1], str):
            found = cut(text, locate(text, path, "key"))
            header = tomllib.loads(f"{found} = 0")
            assert path[-1] in json.dumps(header, ensure_ascii=False) or key(path[-1]) in found


@pytest.mark.parametrize(
    ("path", "part", "expected"),
    [
        (("modules",), "key", "modules.content"),
        (("modules", "content", "path"), "value", '"modules/content"'),
        (("modules", "content", "nothing"), "value", "modules.content"),
        (("jobs", 1, "name"), "value", '"second"'),
        (("jobs", 1, "name"), "key", "name"),
        (("jobs",), "value", "jobs"),
        (("jobs", 0, "inner", "x"), "value", "1"),
        (("settings", "a.b", "c"), "value", "true"),
        (("text",), "value", '"""'),
        (("nowhere",), "value", "t"),
    ],
)
def test_the_place_is_the_nearest_thing_there_is(path: KeyPath, part: Any, expected: str) -> None:
    text = (
        'text = """\nmore\n"""\n[modules.content]\npath = "modules/content"\n'
        '[[jobs]]\nname = "first"\n[jobs.inner]\nx = 1\n[[jobs]]\nname = "second"\n'
        '[settings]\n"a.b".c = true\n'
    )
    assert expected == cut(text, locate(text, path, part))


@budget(150)
@given(st.one_of(st.binary(max_size=80), st.text(max_size=80).map(str.encode)))
def test_any_bytes_are_a_document_or_one_problem_with_a_place(tmp_path: Path, data: bytes) -> None:
    path, problems = tmp_path / "x.toml", Problems()
    path.write_bytes(data)
    read = read_toml(path, "x.toml", problems)
    assert (read is None) == bool(problems.found)
    for problem in problems.found:
        span = problem.place.span()
        lines = problem.place.source.text.split("\n")
        assert 1 <= span.line <= len(lines)
        assert 1 <= span.column <= len(lines[span.line - 1]) + 1


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"\xff", "XT0103"),
        (b"\xef\xbb\xbfschema = 1", "XT0104"),
        (b"x = 1\ny = ", "XT0104"),
        (b"x = 1\nx = 2", "XT0104"),
        (b"x = " + b"[" * 5000, "XT0104"),
        (b"x = " + b"{a=" * 5000, "XT0104"),
        (b"x = " + b"1" * 5000, "XT0104"),
        (b"x = 0x1" + b"0" * 16, "XT0104"),
        (b"a." * 250 + b"a = 1", "XT0104"),
        (b"[" + b"a." * 250 + b"a]", "XT0104"),
        (b"x = [" + b"0," * MAX_PARTS + b"]", "XT0104"),
        (b"x = 2024-99-99", "XT0104"),
        (b"#" * (MAX_BYTES + 1), "XT0102"),
    ],
)
def test_refuses_what_is_not_toml(tmp_path: Path, data: bytes, code: str) -> None:
    path, problems = tmp_path / "x.toml", Problems()
    path.write_bytes(data)
    assert read_toml(path, "x.toml", problems) is None
    assert [code] == [problem.code for problem in problems.found]


def test_reads_a_file_of_exactly_the_limit(tmp_path: Path) -> None:
    path, problems = tmp_path / "x.toml", Problems()
    path.write_bytes(b"x = 1\n" + b"#" * (MAX_BYTES - 6))
    read = read_toml(path, "x.toml", problems)
    assert read
    assert read[1] == {"x": 1}


def test_deep_nesting_that_can_be_read_can_be_located(tmp_path: Path) -> None:
    path, problems = tmp_path / "x.toml", Problems()
    path.write_text("x = " + "[" * 150 + "7" + "]" * 150)
    read = read_toml(path, "x.toml", problems)
    assert read
    span = Place(read[0], ("x", *[0] * 150)).span()
    assert cut(read[0].text, span) == "7"


@pytest.mark.parametrize(
    ("text", "path", "column"),
    [
        ("x = [" + '{"é" = 0},' * 20_000 + "]", ("x", 15_000, "é"), 150_013),
        (".".join("a" * 100) + " = 0\n" + "# é" * 300_000, tuple("a" * 100), 203),
        ("x = 0x" + "f" * 16, ("x",), 5),
    ],
    ids=["tables", "dotted", "number"],
)
def test_the_largest_manifests_are_located_in_a_moment(
    text: str, path: KeyPath, column: int
) -> None:
    started, problems = time.process_time(), Problems()
    read = parse_toml(text, "x.toml", problems)
    no_problems(problems)
    assert read
    assert Place(read.source, path).span().column == column
    assert time.process_time() - started < 2


def test_a_number_of_too_many_bits_is_shown_where_it_is() -> None:
    problems = Problems()
    assert parse_toml("[a]\nb = [1, 0x1" + "0" * 16 + "]", "x.toml", problems) is None
    assert [(problem.message, tuple(problem.place.span())) for problem in problems.found] == [
        ("this number has more than 64 bits", (2, 9, 19))
    ]


def test_folder_in_place_of_a_file_is_a_problem(tmp_path: Path) -> None:
    problems = Problems()
    assert read_toml(tmp_path, "here", problems) is None
    assert [problem.message for problem in problems.found] == ["cannot read `here`: Is a directory"]


def test_place_of_a_key_that_is_no_toml_is_still_a_place() -> None:
    assert tuple(locate('"\\ud800" = 1\n', ('"\\ud800"',), "key")) == (1, 1, 8)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "module.toml")
    problems = Problems()
    assert read_text(tmp_path / "module.toml", "module.toml", problems) is None
    assert [problem.code for problem in problems.found] == ["XT0101"]
