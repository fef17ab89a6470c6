"""Drawing: the mark is under what it means, in 80 columns, and no foreign text is obeyed."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.budgets import budget
from xtask.diagnostics import Diagnostic, Place, Problems, Source, Span
from xtask.diagnostics.render import github, render

CHARACTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\r\n")
LINES = st.text(
    st.one_of(st.sampled_from("ab =\t漢é\u0301\u202e\x1b\x85"), CHARACTERS), max_size=200
)
WORDS = st.text(st.sampled_from("abc `\x1b\n\u202e漢"), max_size=120)


def place(text: str, span: Span, path: str = "module.toml") -> Place:
    return Place(Source(path, text, lambda _text, _key, _part: span), ("x",))


def columns(text: str) -> int:
    wide = sum(unicodedata.east_asian_width(char) in "WF" for char in text)
    none = sum(unicodedata.category(char) in {"Mn", "Me"} for char in text)
    return len(text) + wide - none


def visible(text: str) -> str:
    """Return the characters that have a column of their own."""
    return "".join(char for char in text if columns(char))


def test_draws_the_example_of_its_own_documentation() -> None:
    import xtask.diagnostics.render as module

    text = '[module]\nnmae = "content"\n'
    problem = Diagnostic(
        "XT0201",
        "unknown key `nmae`",
        place(text, Span(2, 1, 4), "modules/content/module.toml"),
        "not a key of `module`",
        help="did you mean `name`?",
    )
    drawn = render([problem])
    documented = (module.__doc__ or "").split("\n\n")[1].rstrip()
    assert drawn == f"{documented}\n   = more: xtask explain XT0201"


@budget(300)
@given(LINES, st.data())
def test_mark_is_under_what_it_means(line: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, max(0, len(line) - 1)))
    length = data.draw(st.integers(1, max(1, len(line) - start)))
    drawn = render([Diagnostic("XT0201", "m", place(line, Span(1, start + 1, length)))]).split("\n")
    excerpt = [text for text in drawn if text.startswith(" 1 |")]
    if not line.strip():
        assert excerpt == []
        return
    (shown,) = excerpt
    mark = drawn[drawn.index(shown) + 1]
    assert columns(shown) <= 80
    assert columns(mark) <= 80
    before = mark.index("^")
    meant = "".join(
        char if char.isprintable() else " " if char == "\t" else "\ufffd"
        for char in line[start : start + length]
    )
    width = 0
    under = ""
    for char in shown:
        if before <= width < before + mark.count("^"):
            under += char
        width += columns(char)
    if "…" not in under:
        assert visible(meant).startswith(visible(under))
        assert visible(under) or not visible(meant)


@pytest.mark.parametrize("after", [5, 50])
@pytest.mark.parametrize("char", ["漢", "x", "e\u0301"])
def test_mark_in_a_long_line_of_wide_characters_is_on_the_screen(char: str, after: int) -> None:
    line = char * 50 + "!" + char * after
    span = Span(1, 50 * len(char) + 1, 1)
    drawn = render([Diagnostic("XT0201", "m", place(line, span))]).split("\n")
    at = drawn[4].index("^")
    assert columns(drawn[3]) <= 80
    assert drawn[3].count("!") == 1
    assert columns(drawn[3].split("!")[0]) == at


@budget(200)
@given(WORDS, WORDS, WORDS, WORDS)
def test_foreign_text_is_shown_and_not_obeyed(
    message: str, label: str, note: str, help_: str
) -> None:
    problem = Diagnostic(
        "XT0201", message, place("a = 1", Span(1, 1, 1), "a\x1b[2J"), label,
        ((place("b = 2", Span(1, 1, 1)), label),), (note,), help_,
    )  # fmt: skip
    assert [char for char in render([problem]) if not char.isprintable() and char != "\n"] == []


def test_colour_only_adds_colour() -> None:
    problem = Diagnostic(
        "XT0304",
        "both want it",
        place("a = 1\nb = 2", Span(2, 5, 1)),
        "claimed again",
        ((place("c = 3", Span(1, 1, 1)), "claimed first"),),
        ("a note",),
        "give one another",
    )
    coloured = render([problem], colour=True)
    assert "\x1b[1;31m" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == render([problem])


def test_label_that_does_not_fit_beside_its_mark_stands_below() -> None:
    label = "a label of some length that cannot stand beside a mark that is so far to the right"
    drawn = render([Diagnostic("XT0201", "m", place("x" * 60, Span(1, 50, 10)), label)])
    lines = drawn.split("\n")
    assert max(map(len, lines)) <= 80
    assert lines[4] == "   | " + " " * 49 + "^" * 10
    assert " ".join(line.removeprefix("   | ") for line in lines[5:7]) == label


def test_line_that_unicode_would_split_is_one_line() -> None:
    text = "a = '\x0c\x1c\u2028\x85'\nb = 2\n"
    drawn = render([Diagnostic("XT0201", "m", place(text, Span(2, 1, 1)))])
    assert " 2 | b = 2\n" in drawn


def test_place_without_a_line_to_show_is_still_a_place() -> None:
    drawn = render([Diagnostic("XT0101", "cannot read it", place("", Span(1, 1, 1)), "label")])
    assert drawn.split("\n")[1:3] == ["  --> module.toml:1:1", "   | label"]


def test_github_annotation_cannot_be_broken_out_of() -> None:
    problem = Diagnostic(
        "XT0201", "100%\n::error::x", place("", Span(3, 7, 1), "a,b:c%d"), help="line\r\nnext"
    )
    assert github([problem]) == (
        "::error file=a%2Cb%3Ac%25d,line=3,col=7,title=XT0201::100%25%0A::error::x%0Aline%0D%0Anext"
    )


@pytest.mark.parametrize("count", [1, 2, 5])
def test_one_blank_line_stands_between_two(count: int) -> None:
    problem = Diagnostic("XT0201", "m", place("a", Span(1, 1, 1)))
    assert render([problem] * count).count("\n\n") == count - 1


def test_problems_are_unique_and_sorted() -> None:
    from xtask.errors import InvalidError

    source = Source("b.toml", "", lambda _text, key, _part: Span(int(key[0]), 1, 1))
    other = Source("a.toml", "", lambda _text, _key, _part: Span(9, 1, 1))
    problems = Problems()
    for where, code in [((source, (2,)), "XT0202"), ((source, (10,)), "XT0201"),
                        ((source, (2,)), "XT0201"), ((other, ()), "XT0205"),
                        ((source, (2,)), "XT0202")]:  # fmt: skip
        problems.add(code, "m", Place(*where))
    with pytest.raises(InvalidError, match="4 problems found") as caught:
        problems.raise_if_any()
    assert [(str(found.place), found.code) for found in caught.value.problems] == [
        ("a.toml:9", "XT0205"),
        ("b.toml:2", "XT0201"),
        ("b.toml:2", "XT0202"),
        ("b.toml:10", "XT0201"),
    ]


def test_no_problem_raises_nothing() -> None:
    Problems().raise_if_any()
