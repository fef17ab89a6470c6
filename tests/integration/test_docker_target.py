"""What is so on a Docker Engine only: its front, its ports and what it holds of images."""

from __future__ import annotations

import http.client
import socket
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.ports import free_port
from xtask.errors import RefusedError, TargetError
from xtask.release import docker, health
from xtask.release.deployment import Failed
from xtask.release.docker import containers, fronting

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.integration.conftest import Shop

pytestmark = pytest.mark.requires("docker")


def test_open_request_ends_on_the_release_where_it_began(shop: Shop) -> None:
    shop.serve(shop.deployment("a", 1))
    connection = http.client.HTTPConnection("127.0.0.1", shop.port, timeout=10)
    connection.request("GET", "/slow")
    following = shop.deployment("b", 2)
    shop.serve(following)
    docker.remove(shop.site, keep=frozenset({following.release_id}))
    assert b"rel_a_1" in connection.getresponse().read()
    connection.close()


def test_taken_port_is_found_before_any_candidate_runs(engine: Any, shop: Shop) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", shop.port))
        taken.listen()
        with pytest.raises(TargetError) as caught:
            docker.apply(shop.deployment("a", 1))
    assert "another" in str(caught.value.help)
    assert shop.containers(engine, "release") == []
    assert shop.containers(engine, "front") == []


@pytest.mark.parametrize("reason", ["exits", "port is taken"])
def test_candidate_on_another_port_that_fails_leaves_the_serving_front(
    engine: Any, shop: Shop, reason: str
) -> None:
    shop.serve(shop.deployment("a", 1))
    (front,) = shop.containers(engine, "front")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        if reason == "port is taken":
            taken.listen()
        else:
            taken.close()
        mode = "works" if reason == "port is taken" else "exits"
        port = taken.getsockname()[1] if mode == "works" else free_port()
        with pytest.raises(TargetError):
            docker.apply(replace(shop.deployment("b", 2, mode), site=shop.site._replace(port=port)))
    assert shop.serving() == "rel_a_1"
    docker.remove(shop.site, keep=frozenset({"rel_a_1"}))
    assert [front.id] == [each.id for each in shop.containers(engine, "front")]
    assert shop.serving() == "rel_a_1"


def test_environment_answers_on_both_ports_until_its_move_is_done(engine: Any, shop: Shop) -> None:
    shop.serve(shop.deployment("a", 1))
    moved = replace(shop.deployment("b", 2), site=shop.site._replace(port=free_port()))
    shop.serve(moved)
    assert shop.serving() == "rel_b_2"
    docker.remove(shop.site, keep=frozenset({"rel_a_1", "rel_b_2"}))
    assert shop.serving() is None
    seen = docker.observe(moved.site)
    assert seen is not None
    assert seen.release_id == "rel_b_2"
    assert len(shop.containers(engine, "front")) == 1


def test_undone_move_to_another_port_leaves_the_old_port_only(engine: Any, shop: Shop) -> None:
    first = shop.deployment("a", 1)
    moved = replace(shop.deployment("b", 2), site=shop.site._replace(port=free_port()))
    shop.serve(first)
    shop.serve(moved)
    docker.switch(first, undoing=Failed(moved.release_id, moved.generation))
    docker.remove(shop.site, keep=frozenset({"rel_a_1"}))
    assert shop.serving() == "rel_a_1"
    assert health.observe(health.at(moved.site.port), shop.app) is None
    assert len(shop.containers(engine, "front")) == 1


def test_front_of_another_version_stays_until_the_candidate_is_healthy(
    engine: Any, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.serve(shop.deployment("a", 1))
    (old,) = shop.containers(engine, "front")
    monkeypatch.setattr(fronting, "_CURRENT", "next")
    following = shop.deployment("b", 2)
    docker.apply(following)
    assert [old.id] == [each.id for each in shop.containers(engine, "front")]
    docker.switch(following)
    (new,) = shop.containers(engine, "front")
    assert new.labels["xtask.front"] == "next"
    assert shop.serving() == "rel_b_2"


def test_second_image_is_loaded_without_the_layers_that_the_engine_holds(shop: Shop) -> None:
    docker.apply(shop.deployment("a", 1))
    asked: list[frozenset[str]] = []
    following = shop.deployment("b", 2)

    def archive(known: frozenset[str]) -> Iterator[bytes]:
        asked.append(known)
        return following.archive(known)

    docker.apply(replace(following, archive=archive))
    assert [frozenset({shop.interpreter.layers[0].diff_id})] == asked


def test_everything_is_sent_when_the_engine_refuses_the_delta(shop: Shop) -> None:
    docker.apply(shop.deployment("a", 1))
    following = shop.deployment("b", 2)
    asked: list[frozenset[str]] = []

    def archive(known: frozenset[str]) -> Iterator[bytes]:
        asked.append(known)
        return following.archive(frozenset(following.layers) if known else known)

    docker.apply(replace(following, archive=archive))
    assert [bool(known) for known in asked] == [True, False]


@pytest.mark.parametrize("action", ["restart", "kill", "remove"])
def test_front_points_where_it_did_after_its_end(engine: Any, shop: Shop, action: str) -> None:
    first, second = shop.deployment("a", 1), shop.deployment("b", 2)
    shop.serve(first)
    shop.serve(second)
    (front,) = shop.containers(engine, "front")
    if action == "restart":
        front.restart(timeout=1)
    elif action == "kill":
        front.kill()
    else:
        front.remove(force=True)
    docker.switch(second)
    assert shop.serving() == "rel_b_2"


def test_predecessor_that_is_gone_is_started_again_for_an_undone_release(
    engine: Any, shop: Shop
) -> None:
    first, second = shop.deployment("a", 1), shop.deployment("b", 2)
    shop.serve(first)
    shop.serve(second)
    for each in shop.containers(engine, "release"):
        each.remove(force=True)
    undone = Failed(second.release_id, second.generation)
    with pytest.raises(RefusedError):
        docker.apply(first, undoing=Failed("rel_other", 2))
    docker.apply(first, undoing=Failed("rel_later", 3))  # which never had the traffic
    docker.apply(first, undoing=undone)
    docker.switch(first, undoing=undone)
    assert shop.serving() == "rel_a_1"


def test_candidate_that_cannot_start_leaves_nothing(engine: Any, shop: Shop) -> None:
    shop.serve(shop.deployment("a", 1))
    with pytest.raises(TargetError, match="no-such-program"):
        docker.apply(shop.deployment("b", 2, program="/no-such-program"))
    assert len(shop.containers(engine, "release")) == 1


@pytest.mark.parametrize("left", ["created", "running", "exited"])
def test_container_left_by_a_crash_is_adopted(engine: Any, shop: Shop, left: str) -> None:
    shop.serve(shop.deployment("a", 1))
    deployment = shop.deployment("b", 2)
    docker.apply(deployment)
    (before,) = (c for c in shop.containers(engine, "release") if c.name.endswith("-2"))
    if left == "created":
        before.remove(force=True)
        slot = containers.Slot(before.name, "release", f"xt-{shop.app}-prod-data")
        before = containers.create(engine, deployment, before.attrs["Image"], slot)
    elif left == "exited":
        before.stop(timeout=5)
    shop.serve(deployment)
    (after,) = (c for c in shop.containers(engine, "release") if c.name.endswith("-2"))
    assert before.id == after.id
    assert shop.serving() == "rel_b_2"


def test_keeping_nothing_ends_the_environment_but_not_its_data(engine: Any, shop: Shop) -> None:
    shop.serve(shop.deployment("a", 1))
    docker.remove(shop.site, keep=frozenset())
    left = {"label": f"xtask.app={shop.app}"}
    assert engine.containers.list(all=True, filters=left) == []
    assert engine.networks.list(filters=left) == []
    assert [f"xt-{shop.app}-prod-data"] == [
        volume.name for volume in engine.volumes.list(filters=left)
    ]
    assert shop.serving() is None


def test_advice_for_a_pointer_that_moved_on_finds_the_front(engine: Any, shop: Shop) -> None:
    late, newer = shop.deployment("a", 1), shop.deployment("b", 2)
    shop.serve(newer)
    (front,) = shop.containers(engine, "front")
    with pytest.raises(RefusedError) as caught:
        fronting.point(front, late, port=8000, undoing=None)
    listing = str(caught.value.help).partition("$(docker ps ")[2].partition(")")[0].split()
    wanted = {"label": [each.removeprefix("label=") for each in listing[3::2]]}
    assert [front.id] == [each.id for each in engine.containers.list(all=True, filters=wanted)]
