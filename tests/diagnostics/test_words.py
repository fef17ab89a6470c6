"""Suggestions, lists and explanations."""

from __future__ import annotations

import pytest

from xtask.cli import main
from xtask.diagnostics import did_you_mean, listed
from xtask.diagnostics.codes import catalogue, explain
from xtask.errors import UsageError


@pytest.mark.parametrize(
    ("words", "expected"),
    [([], ""), (["a"], "`a`"), (["a", "b"], "`a` and `b`"), (["a", "b", "c"], "`a`, `b` and `c`")],
)
def test_words_are_listed_as_people_list_them(words: list[str], expected: str) -> None:
    assert listed(words) == expected


def test_suggests_the_closest_word_and_nothing_far_away() -> None:
    assert did_you_mean("contnet", ["commerce", "content"]) == "did you mean `content`?"
    assert did_you_mean("xyz", ["commerce", "content"]) is None
    assert did_you_mean("anything", []) is None


def test_suggestion_does_not_depend_on_order() -> None:
    assert did_you_mean("aab", ["aaa", "aac"]) == did_you_mean("aab", ["aac", "aaa"])


@pytest.mark.parametrize("code", sorted(catalogue()))
def test_explains_every_code(capsys: pytest.CaptureFixture[str], code: str) -> None:
    assert main(["explain", code.lower()]) == 0
    assert capsys.readouterr().out.startswith(f"{code}: {explain(code).title}\n\n")


def test_code_that_is_not_there_has_a_neighbour() -> None:
    with pytest.raises(UsageError, match="there is no code `XT0399`") as caught:
        explain("XT0399")
    assert (caught.value.help or "").startswith("did you mean `XT03")
    with pytest.raises(UsageError) as far:
        explain("?")
    assert far.value.help == "codes look like XT0301"
