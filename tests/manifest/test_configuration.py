"""What an environment gives, read; in `tests/broken` is what is wrong with it, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from xtask.diagnostics import Place, Problems, Source
from xtask.manifest import configuration
from xtask.manifest.configuration import Given, Origin, Smoke, read_given
from xtask.manifest.table import Table

if TYPE_CHECKING:
    from collections.abc import Mapping


def read(values: Mapping[str, Any], target: str = "docker") -> tuple[Given, list[str]]:
    problems = Problems()
    table = Table(dict(values), Place(Source("x")), problems, "`x`")
    given = read_given(table, target)
    table.done()
    return given, [problem.message for problem in problems.found]


def test_an_environment_that_says_nothing_gives_what_a_target_gives_by_itself() -> None:
    assert read({}) == (Given(), [])
    assert read({}, "record") == (Given(), [])


def test_everything_that_a_target_can_be_given_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    words = {"configuration", "limits", "replicas", "placement", "managers", "context"}
    monkeypatch.setitem(vars(configuration), "TARGETS", {"all": frozenset(words)})
    given, wrong = read(
        {
            "window": "2m", "ready_within": "90s", "memory": "512MiB", "cpus": 0.5, "pids": 64,
            "replicas": 3, "placement": ["node.role==worker"], "managers": ["tcp://a", "tcp://b"],
            "smoke": [{"path": "/shop", "contains": "EUR"}, {"path": "/old", "status": 410}],
            "settings": {"cart": {"currency": "USD", "hosts": ["a"]}},
            "variables": {"LOG_LEVEL": "info"},
            "secrets": {"DSN": {"file": "/run/dsn"}, "MODULES__PAY__KEY": {"env": "KEY"}},
        },
        "all",
    )  # fmt: skip
    assert wrong == []
    settings = {
        module: {key: value.value for key, value in values.items()}
        for module, values in given.settings.items()
    }
    assert settings == {"cart": {"currency": "USD", "hosts": ["a"]}}
    assert given._replace(settings={}) == Given(
        window=120,
        ready_within=90,
        limits={"memory": 512 << 20, "cpus": 0.5, "pids": 64},
        replicas=3,
        placement=("node.role==worker",),
        addresses=("tcp://a", "tcp://b"),
        smoke=(Smoke("/shop", 200, "EUR"), Smoke("/old", 410, "")),
        settings={},
        variables={"LOG_LEVEL": "info"},
        secrets={"DSN": Origin("file", "/run/dsn"), "MODULES__PAY__KEY": Origin("env", "KEY")},
    )
    assert read({"context": "prod"}, "all")[0].addresses == ("prod",)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("window", "1m"), ("ready_within", "1m"), ("memory", "1GiB"), ("cpus", 1), ("pids", 64),
        ("replicas", 1), ("placement", []), ("managers", []), ("context", "x"), ("smoke", []),
        ("settings", {}), ("variables", {}), ("secrets", {}),
    ],
)  # fmt: skip
def test_what_a_target_cannot_do_is_refused_whatever_its_value(key: str, value: object) -> None:
    assert read({key: value}, "record")[1] == [f"the target `record` does nothing with `{key}`"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "postgresql://shop:pa55-of-shop@db/shop"),
        ("API_TOKEN", "0123456789abcdef"),
        ("CERT", "-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----"),
    ],
)
def test_a_value_that_looks_like_a_secret_is_no_variable(name: str, value: str) -> None:
    problems = Problems()
    table = Table({"variables": {name: value}}, Place(Source("x")), problems, "`x`")
    read_given(table, "docker")
    (problem,) = problems.found
    assert problem.message == f"the value of `{name}` looks like a secret"
    assert problem.place.secret


def test_a_target_that_is_not_known_says_that_and_nothing_else() -> None:
    assert read({"replicas": 2, "memory": "1GiB"}, "dokcer")[1] == []
