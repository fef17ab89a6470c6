"""Defaults, then the composition's values, then the environment; all errors at once."""

from __future__ import annotations

import pytest
from server.registry import Module, Setting
from server.settings import SettingsError, read_settings, variable_name

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


def test_a_dash_in_a_module_name_is_an_underscore_in_the_variable() -> None:
    assert variable_name("web-shop", "page_size") == "MODULES__WEB_SHOP__PAGE_SIZE"
