from __future__ import annotations

import gzip
from typing import TYPE_CHECKING, Any

import pytest

from xtask.errors import UntrustedError
from xtask.image.difference import Difference, layer_difference, value_difference
from xtask.image.layer import Entry, directory, write_layer
from xtask.image.layout import Layout

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

FILE = Entry("a/code.py", b"one\ntwo\nthree\n")


def layer(root: Path, entries: Sequence[Entry]) -> Path:
    layout = Layout(root)
    return layout.path(write_layer(layout, entries).digest)


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        ([FILE, Entry("b", b"")], Difference("b", "existence", "nothing", "an entry")),
        ([], Difference("a", "existence", "an entry", "nothing")),
        ([Entry(FILE.path, FILE.content, 0o755)], Difference(FILE.path, "mode", "0644", "0755")),
        ([directory("a", 0o700), FILE], Difference("a", "mode", "0755", "0700")),
        (
            [Entry(FILE.path, b"one\n2\nthree\n")],
            Difference(FILE.path, "line 2", "'two'", "'2'"),
        ),
        ([Entry(FILE.path, b"one\n")], Difference(FILE.path, "line 2", "'two'", "nothing")),
        (
            [Entry(FILE.path, b"one\ntwo\n\0hree\n")],
            Difference(FILE.path, "byte 8", "74687265650a", "00687265650a"),
        ),
    ],
)
def test_names_the_first_entry_and_field_that_differ(
    after: Sequence[Entry], expected: Difference, tmp_path: Path
) -> None:
    paths = layer(tmp_path / "1", [FILE]), layer(tmp_path / "2", after)
    assert layer_difference(*paths) == expected


def test_what_follows_from_other_entries_is_never_the_first(tmp_path: Path) -> None:
    def made(text: bytes) -> list[Entry]:
        names = ("a.dist-info/RECORD", "a/__pycache__/z.cpython-311.pyc", "a/z.py")
        return [Entry(name, text) for name in names]

    found = layer_difference(layer(tmp_path / "1", made(b"1")), layer(tmp_path / "2", made(b"2")))
    assert found == Difference("a/z.py", "line 1", "'1'", "'2'")


def test_the_same_entries_compressed_are_the_same(tmp_path: Path) -> None:
    plain = layer(tmp_path, [FILE])
    packed = tmp_path / "packed"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    assert layer_difference(plain, packed) is None


def test_refuses_what_is_no_layer(tmp_path: Path) -> None:
    (tmp_path / "text").write_bytes(b"text" * 1000)
    with pytest.raises(UntrustedError, match="is not a layer"):
        layer_difference(layer(tmp_path, [FILE]), tmp_path / "text")


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({"a": {"b": [1, 2]}}, {"a": {"b": [1, 3]}}, ("a.b[1]", "2", "3")),
        ({"a": 1, "b": 1}, {"b": 2}, ("a", "1", "nothing")),
        ({"a": [1]}, {"a": [1, 2]}, ("a[1]", "nothing", "2")),
        ({"a": None}, {}, ("a", "None", "nothing")),
        ({"a": {}}, {"a": []}, ("a", "{}", "[]")),
    ],
)
def test_names_the_first_value_that_differs(
    before: Any, after: Any, expected: tuple[str, str, str]
) -> None:
    name, one, two = expected
    assert value_difference(before, after) == Difference(name, "value", one, two)


def test_equal_values_do_not_differ() -> None:
    assert value_difference({"a": [{"b": 1}]}, {"a": [{"b": 1}]}) is None
