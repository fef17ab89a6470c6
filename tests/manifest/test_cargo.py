"""Requirements of Cargo become ranges that take the same versions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.budgets import budget
from xtask.manifest.cargo import requirement
from xtask.resolve.ranges import matches, parse_range


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        ("1.2", "1.9.0", "2.0.0"),
        ("0.1", "0.1.9", "0.2.0"),
        ("0", "0.9.0", "1.0.0"),
        ("^1.2.3", "1.2.3", "1.2.2"),
        ("~1.2", "1.2.9", "1.3.0"),
        ("1.2.*", "1.2.9", "1.3.0"),
        ("1.x", "1.9.0", "2.0.0"),
        ("1.X.x", "1.9.0", "2.0.0"),
        ("= 1.2", "1.2.7", "1.3.0"),
        (">=0.1.0", "7.0.0", "0.0.9"),
        (">= 1.2, < 1.5", "1.4.9", "1.5.0"),
        (">1.2", "1.3.0", "1.2.9"),
        ("<=1.2", "1.2.9", "1.3.0"),
        ("1.0.0-rc.1", "1.0.0-rc.2", "1.0.1-rc.1"),
        (" * ", "3.2.1", "3.2.1-rc.1"),
    ],
)
def test_a_requirement_takes_what_cargo_takes(text: str, inside: str, outside: str) -> None:
    found = requirement(text)
    assert found is not None
    assert matches(found, inside)
    assert not matches(found, outside)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            ",",
            "1,",
            "1 2",
            ">=1 <2",
            "1 || 2",
            "v1",
            "01",
            "1.2.3.4",
            "1.2.3.*",
            "1-rc",
            "=>1",
        ),
        *("1.0.0-", "1.0.0-rc.1.*", "latest", "\uff11", "1" * 20, "1," * 200 + "1"),
    ],
)
def test_refuses_what_cargo_refuses(text: str) -> None:
    assert requirement(text) is None


def test_a_bare_version_means_what_the_caller_says() -> None:
    assert requirement("1.4", ">=") == ">=1.4"
    assert requirement("1.4.x", "<=") == "~1.4"
    assert requirement("^1.4", ">=") == "^1.4"


@budget(300)
@given(st.text("0123456789.*xX^~=<>, -+rc", max_size=20))
def test_every_requirement_is_a_range(text: str) -> None:
    found = requirement(text)
    if found is not None:
        parse_range(found)
        assert requirement(found) == found
