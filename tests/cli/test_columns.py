"""What people read fits 80 columns; what they copy is not cut."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import sys
import termios
import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.budgets import budget
from xtask.cli.output import Output, PlainLines, table
from xtask.columns import columns, wrapped
from xtask.errors import StaleError, XtaskError

WORDS = " ".join(["every word of a sentence that goes on and on stays whole"] * 4)
DIGEST = "sha256:" + "0123456789abcdef" * 4


@pytest.fixture(autouse=True)
def _no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS")


def said(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().err.splitlines()


def test_error_and_help_are_wrapped_below_their_first_word(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Output(as_json=False).error(XtaskError(WORDS, help=WORDS))
    lines = said(capsys)
    assert max(map(columns, lines)) <= 80
    start = next(number for number, line in enumerate(lines) if line.startswith("  help: "))
    for head, part in [("error: ", lines[:start]), ("  help: ", lines[start:])]:
        assert part[0].startswith(head)
        assert all(line.startswith(" " * len(head)) for line in part[1:])
        assert " ".join(line.strip() for line in part) == head.strip() + " " + WORDS


def test_what_another_program_said_keeps_its_indentation(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Output(as_json=False).error(XtaskError(f"it failed\n  File\n    {WORDS}\nend"))
    lines = said(capsys)
    assert lines[:2] == ["error: it failed", "  File"]
    assert lines[-1] == "end"
    assert all(re.match(r" {4}\S", line) for line in lines[2:-1])
    assert max(map(columns, lines)) <= 80


def test_a_difference_of_files_is_shown_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    line = "+" + "x = " * 40
    Output(as_json=False).error(StaleError("stale", report=line))
    assert said(capsys)[0] == line


def test_notes_and_pauses_are_wrapped(capsys: pytest.CaptureFixture[str]) -> None:
    output = Output(as_json=False)
    output.note(WORDS)
    PlainLines(output.warnings).waiting(WORDS)
    assert max(map(columns, said(capsys))) <= 80


def test_an_error_obeys_no_foreign_text(capsys: pytest.CaptureFixture[str]) -> None:
    Output(as_json=False).error(XtaskError("a\x1b[2Jb\u202e", help="c\x1b]0;d\x07"))
    assert [char for char in "".join(said(capsys)) if not char.isprintable()] == []


def test_words_of_the_last_column_are_wrapped_beside_the_others() -> None:
    lines = table([["ok", "image", WORDS], ["ok", "index", "short"]], ["", "CHECK", "SAYS"])
    assert max(map(len, lines.split("\n"))) <= 80
    assert lines.split("\n")[2].startswith("           ")
    assert " ".join(lines.split()) == f"CHECK SAYS ok image {WORDS} ok index short"


def test_what_does_not_fit_beside_the_others_stands_whole_below_them() -> None:
    first = "a name that is rather long by itself"
    lines = table([[first, f"blob {DIGEST} is missing"]], ["NAME", "SAYS"]).split("\n")
    assert max(map(len, lines)) <= 80
    assert lines[1] == first
    assert lines[2:] == [f"  blob {DIGEST}", "  is missing"]


@pytest.mark.parametrize(("width", "lines"), [("200", 2), ("60", 4), ("1", 6), ("x", 4)])
def test_a_table_is_as_wide_as_people_have_room(
    width: str, lines: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", width)
    shown = table([["ok", "words " * 25]], ["", "SAYS"]).split("\n")
    assert len(shown) == lines
    assert max(map(len, shown)) <= (max(40, int(width)) if width.isdecimal() else 80)


def test_lines_are_as_wide_as_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, terminal = pty.openpty()
    try:
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
        with os.fdopen(terminal, "w") as stream:
            monkeypatch.setattr(sys, "stderr", stream)
            Output(as_json=False).note("word " * 40)
            stream.flush()
            shown = os.read(ours, 4096).decode().split("\r\n")
    finally:
        os.close(ours)
    assert [len(line) for line in shown] == [99, 99, 0]


@budget(200)
@given(st.text(st.sampled_from("ab `\t漢\u0301\x1b\n"), max_size=300), st.integers(10, 80))
def test_no_line_is_too_long_but_for_one_word(text: str, width: int) -> None:
    for line in wrapped(text, width):
        assert columns(line) <= width or len(line.split()) == 1


@budget(200)
@given(st.lists(st.text("abc", min_size=1, max_size=12), max_size=40), st.integers(13, 80))
def test_lines_break_where_a_textbook_breaks_them(words: list[str], width: int) -> None:
    text = " ".join(words)
    expected = textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)
    assert wrapped(text, width) == (expected or [""])


def test_a_secret_is_masked_before_a_line_breaks_in_it() -> None:
    assert re.search("hunter", " ".join(wrapped("password=hunter2hunter2", 12))) is None
