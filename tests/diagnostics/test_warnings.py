"""A warning is shown like an error, in its own colour, and ends nothing."""

from __future__ import annotations

import pytest

from xtask.diagnostics import Place, Problems, Source, Span
from xtask.diagnostics.render import github, render
from xtask.errors import InvalidError


def at(line: int, path: str = "module.json") -> Place:
    return Place(Source(path, "a\nb\nc", lambda _text, _key, _part: Span(line, 1, 1)))


def test_warnings_alone_raise_nothing_and_are_sorted() -> None:
    problems = Problems()
    for line in (3, 1, 2):
        problems.warn("XT0221", f"gap {line}", at(line), help="look at it")
    problems.raise_if_any()
    assert problems.errors == []
    assert [item.message for item in problems.warnings] == ["gap 1", "gap 2", "gap 3"]


def test_a_warning_that_is_noted_twice_is_shown_once() -> None:
    problems, place = Problems(), at(1)
    problems.warn("XT0221", "gap", place)
    problems.warn("XT0221", "gap", place)
    assert len(problems.warnings) == 1


def test_an_error_takes_the_warnings_along_in_one_order() -> None:
    problems = Problems()
    problems.warn("XT0221", "gap", at(1))
    problems.add("XT0201", "unknown", at(2))
    problems.warn("XT0223", "no effect", at(3))
    with pytest.raises(InvalidError) as caught:
        problems.raise_if_any()
    assert [(item.code, item.severity) for item in caught.value.problems] == [
        ("XT0221", "warning"),
        ("XT0201", "error"),
        ("XT0223", "warning"),
    ]


def test_a_warning_says_that_it_is_one_in_words_in_colour_on_github_and_in_json() -> None:
    problems = Problems()
    problems.warn("XT0221", "there is a gap", at(2), help="look at it")
    (warning,) = problems.warnings
    assert render([warning]).splitlines() == [
        "warning[XT0221]: there is a gap",
        "  --> module.json:2:1",
        "   |",
        " 2 | b",
        "   | ^",
        "   = help: look at it",
        "   = more: xtask explain XT0221",
    ]
    assert render([warning], colour=True).startswith("\x1b[1;33mwarning[XT0221]")
    assert github([warning]).startswith("::warning file=module.json,line=2,col=1,title=XT0221::")
    assert warning.document()["severity"] == "warning"
