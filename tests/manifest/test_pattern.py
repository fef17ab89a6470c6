"""Foreign regular expressions: what RE2 says of them, in bounded time."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.budgets import budget
from xtask.manifest.pattern import MAX_LENGTH, MAX_TEXT, PatternError, anywhere, follows


@budget(500)
@given(st.text("ab0_-é^$.|()[]{}*+?,\\dwsux1<>=!:P", max_size=12), st.text("aab0_-é.", max_size=6))
def test_any_text_is_a_pattern_or_refused(pattern: str, text: str) -> None:
    try:
        whole = anywhere(pattern)
    except PatternError:
        return
    assert follows(text, whole) in {True, False}


@pytest.mark.parametrize(
    ("pattern", "fits", "fails"),
    [
        (r"^(\d{1,3}\.){3}\d{1,3}$", "192.168.0.1", "192.168.0"),
        (r"^([a-z0-9]+(-[a-z0-9]+)*\.)+[a-z]{2,}$", "a.some-host.example", "a..example"),
        (r"^[^@\s]+@[^@\s]+\.[^@\s]+$", "a@b.example", "a@b"),
        (r"^https?://\S+$", "https://shop.example/x", "ftp://x"),
        (r"^#(?:[0-9a-f]{3}|[0-9a-f]{6})$", "#00ff00", "#00ff"),
        (r"\bend$", "the end", "bend"),
        ("^[0-9a-f]{8}-[0-9a-f]{4}$", "0123abcd-ef01", "0123abcd-ef0"),
        (r"^[\u00e0-\u00ff]\\u$", "é\\u", "e\\u"),
        (r"^\d$", "7", "\u0667"),
        ("^a|b$", "xb", "xbx"),
        ("", "anything\nat all", None),
    ],
)
def test_follows_ordinary_patterns(pattern: str, fits: str, fails: str | None) -> None:
    assert follows(fits, anywhere(pattern)) is True
    if fails is not None:
        assert follows(fails, anywhere(pattern)) is False


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        (r"^(?=.*\d).+$", "cannot be read: invalid perl operator: (?="),
        (r"(a)\1", r"cannot be read: invalid escape sequence: \1"),
        ("(?<year>[0-9])", "cannot be read: unknown extension"),
        ("(?i)a", "cannot be read: global flags"),
        ("[[:alpha:]]", "cannot be read: Possible nested set"),
        (r"\pL", r"cannot be read: bad escape \p"),
        ("*a", "cannot be read: nothing to repeat"),
        ("[z-a]", "cannot be read: bad character range"),
        ("a{3,2}", "cannot be read: min repeat greater than max repeat"),
        ("(a", "cannot be read: missing ), unterminated subpattern"),
        ("a)(b", "cannot be read: unbalanced parenthesis"),
        ("a" * (MAX_LENGTH + 1), "has more than 500 characters"),
        ("(a{99}){99}", "cannot be read: invalid repetition size"),
        ("([^a]{9}){99}", "cannot be read: pattern too large"),
    ],
)
def test_refuses_what_cannot_be_followed(pattern: str, reason: str) -> None:
    with pytest.raises(PatternError) as refused:
        anywhere(pattern)
    assert str(refused.value)[: len(reason)] == reason


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("^(a+)+$", "a" * (MAX_TEXT - 1) + "b"),
        ("^(a|b|ab)*c$", "ab" * (MAX_TEXT // 2)),
        ("a*a*a*a*a*a*a*a*b", "a" * MAX_TEXT),
        ("a?" * 120 + "a" * 120, "a" * 100),
        ("(" * 245 + ")" * 245, "a"),
        ("((((a?){9}){9}){9})7", "a" * MAX_TEXT),
    ],
)
def test_no_pattern_takes_for_ever(pattern: str, text: str) -> None:
    start = time.process_time()
    try:
        answer = follows(text, anywhere(pattern))
    except PatternError:
        answer = False
    assert answer in {False, True, None}
    assert time.process_time() - start < 0.5


def test_says_nothing_of_a_text_that_is_too_long() -> None:
    assert follows("a" * (MAX_TEXT + 1), "a*") is None


@pytest.mark.parametrize("pattern", ["((((a?){9}){9}){9})", "(a{0,30}){0,30}", "(a?){300}"])
def test_says_nothing_when_a_long_text_meets_a_large_pattern(pattern: str) -> None:
    assert follows("a" * 9, pattern) is True
    assert follows("a" * MAX_TEXT, pattern) is None


def test_follows_what_people_write_through_long_texts() -> None:
    assert follows("a.b-c@example.org" * 30, anywhere(r"^[\w.+-]+(@[\w-]+\.[\w.-]+)+$")) is True
