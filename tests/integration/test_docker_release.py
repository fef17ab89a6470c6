"""Promotions that change port or target, and what dead processes leave, on a real Engine."""

from __future__ import annotations

import secrets
import textwrap
from typing import TYPE_CHECKING, Any

import pytest

from tests.acceptance.shop import built_shop
from tests.integration.conftest import program, remove_everything
from tests.support.ports import free_port
from xtask.pipeline.releasing.candidate import deployment
from xtask.records.store import open_records
from xtask.records.values import Claim, ReleaseRequest
from xtask.release import docker, health
from xtask.settings import Workspace as Folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.acceptance.shop import Workspace

pytestmark = [pytest.mark.requires("docker"), pytest.mark.requires("index")]

HOST = "modules/host/src/host/__init__.py"
MIGRATIONS = '[migrations]\ndirectory = "steps"\n\n[requires]'
REASON = ("--reason", "it is time", "--json")


class Store:
    """A product in one environment, `staging`, with records outside its workspace."""

    def __init__(self, workspace: Workspace, url: str) -> None:
        self.workspace = workspace
        self.url = url
        self.app = f"t{secrets.token_hex(4)}"
        self.port = free_port()
        workspace.edit("modules.toml", 'app = "shop"', f'app = "{self.app}"')
        place = f'rank = 1\ntarget = "docker"\nport = {self.port}\n'
        workspace.edit("modules.toml", "rank = 1\n", place)

    def built(self, mode: str) -> str:
        """Build a product that behaves in a way of its own; return the build's id."""
        source = "def run():\n" + textwrap.indent(program(mode), "    ")
        source += "\n\ndef migrate(words):\n    run()\n"
        (self.workspace.root / HOST).write_text(source)
        return str(self.workspace.built()["build_id"])

    def promoted(self, build: str, code: int = 0) -> Any:
        said = self.workspace.xtask("promote", build, "--to", "staging", *REASON)
        assert said.code == code, said.err
        return said.document

    def promoted_in_vain(self, build: str) -> str:
        """Return what is said of a promotion that is refused."""
        said = self.workspace.xtask("promote", build, "--to", "staging", *REASON)
        assert said.code == 6, said.err
        return said.err

    def rolled_back(self) -> Any:
        said = self.workspace.xtask("rollback", "--env", "staging", *REASON)
        assert said.code == 0, said.err
        return said.document

    def resumed(self) -> list[tuple[str, str]]:
        said = self.workspace.xtask("resume", "--json")
        assert said.code == 0, said.err
        return [(release["id"], release["status"]) for release in said.document]

    def switched_but_not_activated(self, build: str) -> str:
        """Do what a promotion does up to the moment when its process dies, after the switch."""
        with open_records(self.url) as records:
            request = ReleaseRequest("staging", build, "docker", self.port, "ann", "crash")
            release = records.begin_release(request, Claim("a process that dies", 0.0))
            candidate = deployment(Folder(self.workspace.root), records, release)
            docker.apply(candidate)
            records.verify_release(release)
            docker.switch(candidate)
            return release.id

    def containers(self, engine: Any) -> list[Any]:
        wanted = {"label": f"xtask.app={self.app}"}
        return list(engine.containers.list(all=True, filters=wanted))


def serving(port: int) -> str | None:
    seen = health.observe(health.at(port), "")
    return seen.release_id if seen else None


def open_store(folder: Path, factory: pytest.TempPathFactory) -> Store:
    """Return a store of its own, in a folder."""
    workspace = built_shop(factory).copy(folder / "shop")
    url = f"sqlite:///{folder / 'records.sqlite3'}"
    workspace.environ["XTASK_DATABASE_URL"] = url
    return Store(workspace, url)


@pytest.fixture
def store(engine: Any, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    made = open_store(tmp_path, tmp_path_factory)
    yield made
    remove_everything(engine, made.app)


def test_a_failed_promotion_to_another_port_changes_nothing(store: Store) -> None:
    first = store.promoted(store.built("works"))
    store.workspace.edit("modules.toml", f"port = {store.port}", f"port = {free_port()}")
    store.promoted(store.built("exits"), code=7)
    assert serving(store.port) == first["id"]
    (standing,) = store.workspace.xtask("status", "--json").document
    assert (standing["active"]["id"], standing["seen"]) == (first["id"], "serving")


def test_a_port_moves_and_a_rollback_moves_it_back(engine: Any, store: Store) -> None:
    build, port = store.built("works"), free_port()
    store.promoted(build)
    store.workspace.edit("modules.toml", f"port = {store.port}", f"port = {port}")
    second = store.promoted(store.built("works differently"))
    assert (serving(store.port), serving(port)) == (None, second["id"])
    back = store.rolled_back()
    assert (serving(store.port), serving(port)) == (back["id"], None)
    assert len([each for each in store.containers(engine) if "-front-" in each.name]) == 1


def test_a_target_left_behind_stops_serving_and_a_rollback_returns_to_it(
    engine: Any, store: Store
) -> None:
    first = store.promoted(store.built("works"))
    store.workspace.edit("modules.toml", 'target = "docker"', 'target = "record"')
    store.promoted(store.built("works differently"))
    assert store.containers(engine) == []
    assert serving(store.port) is None
    back = store.rolled_back()
    assert (back["target"], back["restores_release_id"]) == ("docker", first["id"])
    assert serving(store.port) == back["id"]


def test_a_failed_promotion_to_another_target_leaves_nothing_there(
    engine: Any, store: Store
) -> None:
    store.workspace.edit("modules.toml", 'target = "docker"', 'target = "record"')
    first = store.promoted(store.built("works"))
    store.workspace.edit("modules.toml", 'target = "record"', 'target = "docker"')
    store.promoted(store.built("exits"), code=7)
    assert store.containers(engine) == []
    (standing,) = store.workspace.xtask("status", "--json").document
    assert (standing["active"]["id"], standing["in_flight"]) == (first["id"], None)


def test_resume_finishes_what_is_seen_serving_and_undoes_what_is_not(
    engine: Any, store: Store
) -> None:
    a, b = store.built("works"), store.built("works differently")
    first = store.promoted(a)
    left = store.switched_but_not_activated(b)
    (candidate,) = (each for each in store.containers(engine) if each.name.endswith("-2"))
    candidate.stop(timeout=1)
    assert store.resumed() == [(left, "failed")]
    assert serving(store.port) == first["id"]
    left = store.switched_but_not_activated(b)
    assert store.resumed() == [(left, "active")]
    assert serving(store.port) == left
    assert store.resumed() == []


def test_status_shows_four_facts_and_a_redeploy_repairs_what_has_drifted(
    engine: Any, store: Store
) -> None:
    def standing() -> Any:
        (found,) = store.workspace.xtask("status", "--json").document
        return found

    release = store.promoted(store.built("works"))
    (task,) = (each for each in store.containers(engine) if each.name.endswith("-1"))
    found, seen = standing(), standing()["observed"]
    assert (found["seen"], found["drift"]) == ("serving", [])
    assert (found["active"]["id"], seen["label"], seen["release_id"]) == (release["id"],) * 3
    assert (seen["task_digest"], seen["image_digest"]) == (
        task.attrs["Image"],
        release["image_digest"],
    )
    task.stop(timeout=1)
    found = standing()
    assert (found["seen"], found["observed"]["label"]) == ("drift", release["id"])
    assert found["drift"][0] == "no task runs"
    assert found["drift"][1].startswith("the endpoint: ")
    said = store.workspace.xtask("redeploy", "--env", "staging", *REASON)
    assert said.code == 0, said.err
    assert serving(store.port) == said.document["id"]
    assert (standing()["seen"], standing()["drift"]) == ("serving", [])
    shown = store.workspace.xtask("status").out
    assert max(map(len, shown.splitlines())) <= 80
    print(shown)


def test_a_database_is_migrated_before_traffic_and_a_failure_leaves_what_served(
    engine: Any, store: Store
) -> None:
    shop, steps = store.workspace, "modules/cart/src/cart/steps/"
    shop.edit("modules/host/module.toml", "[host]\n", '[host]\nmigrate = "host:migrate"\n')
    shop.edit("modules/cart/module.toml", "[requires]", MIGRATIONS)
    (shop.root / steps).mkdir()
    for half in ("up", "down"):
        (shop.root / steps / f"1.{half}.sql").write_text("CREATE TABLE carts (id INT);")
    first = store.promoted(store.built("works"))
    said = shop.xtask("promote", first["build_id"], "--to", "staging", "--plan", "--json").document
    assert said["pending"] == {"migrations": [], "why": ""}
    bad = store.built("badly migrated")
    plan = shop.xtask("promote", bad, "--to", "staging", "--plan", "--json").document
    assert "shop/2: near NONSENSE" in plan["pending"]["why"]
    store.promoted(bad, code=7)
    assert serving(store.port) == first["id"]
    (standing,) = shop.xtask("status", "--json").document
    assert (standing["active"]["id"], standing["seen"]) == (first["id"], "serving")
    (failed, _) = shop.xtask("releases", "--json").document
    assert (failed["status"], failed["deployed_at"] is None) == ("failed", False)
    assert "shop/2: near NONSENSE" in failed["error"]
    asked = health.at(store.port)("/environment")
    assert '"XTASK_MIGRATIONS": "applied"' in asked.text
    names = {each.name.rpartition("-")[2] for each in store.containers(engine)}
    assert not names & {"migrate", "pending"}
