"""Defaults, then the composition's values, then the environment; all errors at once."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from server.registry import Module, Setting
from server.settings import SettingsError, read_settings, variable_name

if TYPE_CHECKING:
    from pathlib import Path

SHOP = Module(
    name="web-shop",
    version="1.0.0",
    package="web_shop",
    settings=(
        Setting("currency", "string", "EUR"),
        Setting("limit", "integer", 10),
        Setting("rate", "number", 0.5),
        Setting("open", "boolean", default=False),
        Setting("note", "string"),
    ),
    values={"limit": 20, "currency": "CHF"},
)
KEY = Module("pay", "1.0.0", "pay", settings=(Setting("key", "string", required=True),))


def test_the_composition_wins_over_the_default() -> None:
    expected = {"currency": "CHF", "limit": 20, "rate": 0.5, "open": False}
    assert read_settings([SHOP], {}) == {"web-shop": expected}


def test_the_environment_wins_over_everything_and_is_typed() -> None:
    environ = {
        "MODULES__WEB_SHOP__CURRENCY": "42",
        "MODULES__WEB_SHOP__LIMIT": "5",
        "MODULES__WEB_SHOP__RATE": "2",
        "MODULES__WEB_SHOP__OPEN": "True",
    }
    expected = {"currency": "42", "limit": 5, "rate": 2.0, "open": True}
    assert read_settings([SHOP], environ)["web-shop"] == expected


def test_every_wrong_variable_is_reported_and_no_value_is_shown() -> None:
    environ = {"MODULES__WEB_SHOP__LIMIT": "s3cret", "MODULES__WEB_SHOP__OPEN": "s3cret"}
    with pytest.raises(SettingsError) as caught:
        read_settings([SHOP, KEY], environ)
    assert len(caught.value.problems) == 3
    assert "MODULES__PAY__KEY is required" in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_a_variable_may_be_in_a_file_and_what_is_wrong_with_it_is_said(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("s3cret\n")
    environ = {"MODULES__PAY__KEY_FILE": str(tmp_path / "key")}
    assert read_settings([KEY], environ) == {"pay": {"key": "s3cret"}}
    assert read_settings([KEY], environ | {"MODULES__PAY__KEY": "own"}) == {"pay": {"key": "own"}}
    (tmp_path / "key").write_bytes(b"\xff")
    for path in (tmp_path / "key", tmp_path / "none", tmp_path):
        with pytest.raises(SettingsError, match="MODULES__PAY__KEY_FILE cannot be read"):
            read_settings([KEY], {"MODULES__PAY__KEY_FILE": str(path)})


SHAPES = Module(
    name="shapes",
    version="1.0.0",
    package="shapes",
    settings=(
        Setting("hosts", "array", ("a", "b"), environment="SHAPES_HOSTS"),
        Setting("limits", "object", {"cpu": (1, 2)}),
        Setting("size", "integer", 3, minimum=1, maximum=9),
        Setting("mode", "string", "on", options=("on", "off")),
        Setting("code", "string", pattern="[a-z]{3}", secret=True),
        Setting("rate", "number", 1.5),
        Setting("racks", "array", minimum=1, maximum=2),
    ),
)


def test_arrays_and_objects_are_what_json_makes_of_them() -> None:
    settings = read_settings([SHAPES], {})["shapes"]
    assert (settings["hosts"], settings["limits"]) == (["a", "b"], {"cpu": [1, 2]})
    environ = {"SHAPES_HOSTS": '["c"]', "MODULES__SHAPES__LIMITS": '{"cpu": [3]}'}
    settings = read_settings([SHAPES], environ)["shapes"]
    assert (settings["hosts"], settings["limits"]) == (["c"], {"cpu": [3]})


def test_the_composition_gives_arrays_and_objects_too() -> None:
    given = {"hosts": ("c", "d"), "limits": {"cpu": (3,), "of": {"a": None}}}
    settings = read_settings([replace(SHAPES, values=given)], {})["shapes"]
    assert settings["hosts"] == ["c", "d"]
    assert settings["limits"] == {"cpu": [3], "of": {"a": None}}


def test_the_registry_says_which_variable_overrides() -> None:
    assert read_settings([SHAPES], {"MODULES__SHAPES__HOSTS": '["c"]'})["shapes"]["hosts"] == [
        "a",
        "b",
    ]


@pytest.mark.parametrize(
    ("variable", "value", "reason"),
    [
        ("SHAPES_HOSTS", '{"s3cret": 1}', "must be of type array"),
        ("SHAPES_HOSTS", "s3cret", "must be of type array"),
        ("SHAPES_HOSTS", "[" * 100_000, "must be of type array"),
        ("MODULES__SHAPES__LIMITS", "[1]", "must be of type object"),
        ("MODULES__SHAPES__SIZE", "0", "must be at least 1"),
        ("MODULES__SHAPES__SIZE", "10", "must be at most 9"),
        ("MODULES__SHAPES__MODE", "s3cret", "must be one of on, off"),
        ("MODULES__SHAPES__CODE", "s3cret", "must match [a-z]{3}"),
        ("MODULES__SHAPES__RATE", "nan", "must be of type number"),
        ("MODULES__SHAPES__RACKS", "[]", "must be at least 1 in size"),
        ("MODULES__SHAPES__RACKS", "[1, 2, 3]", "must be at most 2 in size"),
    ],
)
def test_a_variable_has_to_fit_what_the_module_declares(
    variable: str, value: str, reason: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        read_settings([SHAPES], {variable: value})
    assert caught.value.problems == (f"{variable} {reason}",)


def test_a_dash_in_a_module_name_is_an_underscore_in_the_variable() -> None:
    assert variable_name("web-shop", "page_size") == "MODULES__WEB_SHOP__PAGE_SIZE"


def test_a_pattern_that_explodes_stops_the_start_and_does_not_hang_it() -> None:
    slow = Setting("name", "string", pattern="^(a+)+$")
    module = Module("slow", "1.0.0", "slow", settings=(slow,))
    assert read_settings([module], {"MODULES__SLOW__NAME": "aaa"}) == {"slow": {"name": "aaa"}}
    with pytest.raises(SettingsError, match="cannot be compared"):
        read_settings([module], {"MODULES__SLOW__NAME": "a" * 100 + "b"})
