"""What an environment gives to its releases, from `modules.toml` to a container and back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.conftest import remove_everything
from tests.integration.test_docker_release import REASON, Store, open_store, serving
from xtask.release import health

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.requires("docker"), pytest.mark.requires("index")]

GIVEN = """
memory = "128MiB"
smoke = [{ path = "/environment", contains = "USD" }]
variables = { LOG_LEVEL = "info" }
settings.cart = { currency = "USD" }
secrets = { DSN = { file = "dsn" }, PIN = { env = "SHOP_PIN" } }
"""
DSN, PIN = "dsn-of-nobody-else", "7193-0246"


def configure(store: Store, text: str) -> None:
    store.workspace.edit("modules.toml", "rank = 1\n", f"rank = 1\n{text.lstrip()}")


def given(store: Store) -> Any:
    return json.loads(health.at(store.port)("/environment").text)


def everything_kept(store: Store) -> bytes:
    files = [path for path in store.workspace.root.parent.rglob("*") if path.is_file()]
    return b"".join(path.read_bytes() for path in files if path.name != "dsn")


@pytest.fixture(scope="module")
def store(engine: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A store whose environment gives something to what it serves."""
    made = open_store(tmp_path_factory.mktemp("given"), tmp_path_factory)
    configure(made, GIVEN)
    build = made.built("works")
    missing = made.promoted_in_vain(build)
    assert missing.count("is empty") == missing.count("cannot be read") == 1
    assert made.workspace.xtask("releases", "--json").document == []
    (made.workspace.root / "dsn").write_text(DSN)
    made.workspace.environ["SHOP_PIN"] = PIN
    made.promoted(build)
    yield made
    remove_everything(engine, made.app)


def test_a_release_has_what_its_environment_gives_and_a_rollback_what_it_had_then(
    engine: Any, store: Store
) -> None:
    (first,) = store.workspace.xtask("releases", "--json").document
    seen = given(store)
    assert (seen["LOG_LEVEL"], seen["MODULES__CART__CURRENCY"]) == ("info", "USD")
    assert seen["DSN_FILE"] == {"path": "/run/secrets/DSN", "mode": "400", "content": DSN}
    assert seen["PIN_FILE"]["content"] == PIN
    (running,) = (each for each in store.containers(engine) if "-front-" not in each.name)
    assert running.attrs["HostConfig"]["Memory"] == 128 << 20

    store.workspace.edit("modules.toml", '"info"', '"debug"')
    (standing,) = store.workspace.xtask("status", "--json").document
    change = {"name": "variables.LOG_LEVEL", "before": "info", "after": "debug"}
    assert (standing["seen"], standing["unapplied"]) == ("serving", [change])
    other = store.built("works differently")
    plan = store.workspace.xtask("promote", other, "--to", "staging", "--plan")
    assert "~ variables.LOG_LEVEL info -> debug" in plan.out
    store.promoted(other)
    assert given(store)["LOG_LEVEL"] == "debug"
    back = store.rolled_back()
    assert given(store)["LOG_LEVEL"] == "info"
    assert given(store)["DSN_FILE"]["content"] == DSN
    assert back["configuration"] == first["configuration"]
    told = store.workspace.xtask("releases", back["id"], "--json").document
    assert told["given"]["secrets"] == {"DSN": {"file": "dsn"}, "PIN": {"env": "SHOP_PIN"}}

    inspected = json.dumps([each.attrs for each in store.containers(engine)])
    kept = everything_kept(store)
    for value in (DSN, PIN):
        assert value not in inspected
        assert value.encode() not in kept


def test_a_release_that_dies_while_it_is_watched_is_undone_once(store: Store) -> None:
    store.workspace.xtask("unhold", "--env", "staging", *REASON)
    before = serving(store.port)
    configure(store, 'window = "30s"\n')
    store.promoted(store.built("dies"), code=7)
    assert serving(store.port) == before
    failed, *_ = store.workspace.xtask("releases", "--json").document
    assert "was started again" in failed["error"]
    told = store.workspace.xtask("releases", failed["id"], "--json").document
    became = [event["to_status"] for event in told["events"]]
    assert became == ["pending", "approved", "deploying", "verifying", "recovering", "failed"]
