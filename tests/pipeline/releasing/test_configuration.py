"""What a release is given: checked against the build, kept, compared, and turned into variables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from xtask.diagnostics import Place, Source
from xtask.errors import InvalidError, RefusedError
from xtask.manifest.configuration import Given, Origin, Smoke
from xtask.manifest.environments import Environment
from xtask.manifest.setting import Value
from xtask.pipeline.releasing.configuration import (
    Change,
    addresses,
    changes,
    configured,
    read_secrets,
    requests,
    take,
)
from xtask.release.deployment import Configuration, Limits, Request

if TYPE_CHECKING:
    from pathlib import Path

PLACE = Place(Source("modules.toml"))
PIN = {"PIN": Origin("env", "PIN")}


def setting(variable: str, kind: str = "string", **more: Any) -> dict[str, Any]:
    plain = {
        "default": None, "required": False, "description": "", "minimum": None, "maximum": None,
        "options": [], "secret": False, "pattern": "",
    }  # fmt: skip
    return plain | {"type": kind, "environment": variable} | more


MODULES = [
    {
        "name": "cart",
        "values": {"currency": "EUR"},
        "settings": {
            "currency": setting("MODULES__CART__CURRENCY", options=["EUR", "USD"], required=True),
            "hosts": setting("CART_HOSTS", "array"),
            "open": setting("MODULES__CART__OPEN", "boolean", default=True),
            "size": setting("MODULES__CART__SIZE", "integer", minimum=1.0),
        },
    },
    {
        "name": "pay",
        "values": {},
        "settings": {"pin": setting("PIN", secret=True, required=True)},
    },
]


def environment(target: str = "docker", **given: Any) -> Environment:
    settings = {
        module: {key: Value(value, PLACE.at("settings", module, key)) for key, value in of.items()}
        for module, of in given.pop("settings", {}).items()
    }
    given = {"secrets": PIN, **given}
    return Environment("prod", 1, target, 8080, PLACE, given=Given(settings=settings, **given))


def problems(**given: Any) -> list[tuple[str, str, tuple[str | int, ...]]]:
    with pytest.raises(InvalidError) as caught:
        take(environment(**given), MODULES)
    found = caught.value.problems
    return [(problem.code, problem.message, problem.place.key) for problem in found]


def test_everything_wrong_with_settings_is_said_at_once_with_its_place() -> None:
    found = problems(
        secrets={},
        variables={"CART_HOSTS": "[]"},
        settings={
            "cart": {"currency": "CHF", "size": 0, "colour": "red"},
            "gone": {"mode": "x"},
            "pay": {"pin": "1234"},
        },
    )
    missing = "`pay` needs a value for `pin`, a string"
    assert problems(secrets={}) == [("XT0308", missing, ())]
    wanted = [
        ("XT0306", "there are settings for `gone`, which is not in the build", "gone"),
        ("XT0308", "`CART_HOSTS` is the setting `hosts` of `cart`", "CART_HOSTS"),
        ("XT0308", "`cart` has no setting `colour` in the build", "colour"),
        ("XT0308", "`currency` of `cart` must be one of EUR, USD", "currency"),
        ("XT0308", "`pin` of `pay` is a secret and may not be written here", "pin"),
        ("XT0308", "`size` of `cart` must be at least 1.0", "size"),
    ]
    assert wanted == sorted((code, says, key[-1] if key else None) for code, says, key in found)


def test_a_target_that_gives_nothing_keeps_nothing_and_needs_no_secret() -> None:
    assert take(environment("record", secrets={}), MODULES) is None


def test_settings_become_the_variables_that_the_build_says_and_secrets_are_names() -> None:
    document = take(
        environment(
            variables={"LOG": "info"},
            settings={"cart": {"currency": "USD", "hosts": ["a"], "open": False, "size": 2}},
            smoke=(Smoke("/shop", 200, "USD"),),
            limits={"pids": 64},
            addresses=("tcp://a",),
            window=30,
        ),
        MODULES,
    )
    assert configured(document, MODULES) == Configuration(
        variables={
            "LOG": "info",
            "MODULES__CART__CURRENCY": "USD",
            "CART_HOSTS": '["a"]',
            "MODULES__CART__OPEN": "false",
            "MODULES__CART__SIZE": "2",
        },
        secrets=("PIN",),
        limits=Limits(pids=64),
        window=30.0,
    )
    assert requests(document) == (Request("/shop", 200, "USD"),)
    assert addresses(document) == ("tcp://a",)


def test_a_release_of_before_is_given_what_an_environment_gives_that_says_nothing() -> None:
    plain = take(environment(secrets={}), MODULES[:1])
    assert configured(None, MODULES) == configured(plain, MODULES) == Configuration()
    assert (requests(None), addresses(None)) == ((), ())
    assert changes(None, plain) == ()


def test_what_changes_is_named_with_both_values_and_secrets_by_their_place() -> None:
    before = take(environment(variables={"LOG": "info"}, window=5), MODULES)
    after = take(
        environment(
            secrets={"PIN": Origin("file", "pin")}, settings={"cart": {"currency": "USD"}}, window=9
        ),
        MODULES,
    )
    assert changes(before, after) == (
        Change("secrets.PIN", {"env": "PIN"}, {"file": "pin"}),
        Change("settings.cart.currency", None, "USD"),
        Change("variables.LOG", "info", None),
        Change("window", 5, 9),
    )
    assert changes(after, after) == ()


def test_secrets_are_read_where_it_is_deployed_and_all_that_are_missing_are_named(
    tmp_path: Path,
) -> None:
    (tmp_path / "dsn").write_bytes(b"\x00dsn\n")
    document = {"secrets": {"DSN": {"file": "dsn"}, "PIN": {"env": "PIN"}}}
    assert read_secrets(tmp_path, document, {"PIN": "7"}) == {"DSN": b"\x00dsn\n", "PIN": b"7"}
    assert read_secrets(tmp_path, None, {}) == {}
    (tmp_path / "dsn").unlink()
    (tmp_path / "long").write_bytes(b"x" * 500_001)
    document["secrets"]["KEY"] = {"file": "long"}
    with pytest.raises(RefusedError) as caught:
        read_secrets(tmp_path, document, {})
    said = caught.value.message
    assert "DSN: dsn cannot be read" in said
    assert "PIN: variable PIN is empty" in said
    assert "KEY: long has more than 500000 bytes" in said
