"""The scenarios on a swarm, and hosts that die, managers that change, networks that break."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.integration.conformance.on_swarm import SwarmRig
from tests.integration.conformance.scenarios import *  # noqa: F403
from tests.integration.conftest import Shop
from tests.integration.watch import watching
from tests.support.namespaces import inside
from tests.support.swarm import NODES
from xtask.errors import TargetError
from xtask.release import health, naming, swarm
from xtask.release.deployment import Configuration

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.integration.watch import Watch
    from tests.support.swarm import Swarm
    from xtask.image.base.values import Base
    from xtask.image.layout import Layout
    from xtask.release.deployment import Deployment

pytestmark = pytest.mark.requires("swarm")


@pytest.fixture
def rig(swarm: Swarm, packed: tuple[Layout, Base]) -> Iterator[SwarmRig]:
    made = SwarmRig(Shop(*packed), swarm)
    with inside(swarm.namespace):
        yield made
        made.clear()


def three_of(deployment: Deployment) -> Deployment:
    return replace(deployment, configuration=Configuration(replicas=3))


def serve(deployment: Deployment) -> None:
    swarm.apply(deployment)
    swarm.switch(deployment)


def answer_of(rig: SwarmRig, node: int, release_id: str) -> None:
    """Wait until a node's port answers with a release."""
    ask = health.at(rig.site.port, rig.nodes.host(node))

    def other() -> str | None:
        seen = health.observe(ask, rig.site.app)
        return None if seen and seen.release_id == release_id else str(seen)

    health.wait_until(other, within=60, clock=health.SYSTEM_CLOCK, interval=0.3)


@contextlib.contextmanager
def load(rig: SwarmRig, *nodes: int) -> Iterator[list[Watch]]:
    with contextlib.ExitStack() as stack:
        yield [
            stack.enter_context(watching(rig.site.port, rig.nodes.host(node), clients=1))
            for node in nodes
        ]


def all_answered(seen: list[Watch]) -> bool:
    return all(each.answers and set(each.answers) == {200} and not each.failures for each in seen)


def test_a_node_that_was_cut_off_serves_what_it_has_missed_and_costs_no_request_of_others(
    rig: SwarmRig, record_property: Callable[[str, object], None]
) -> None:
    first, second = (three_of(rig.deployment(v, g)) for v, g in (("a", 1), ("b", 2)))
    serve(first)
    leader = rig.nodes.leader()
    lost, *others = sorted(NODES, key=leader.__eq__)
    with load(rig, *others) as seen:
        rig.nodes.cut(lost)
        try:
            serve(second)
        finally:
            rig.nodes.heal(lost)
    for each in seen:
        record_property("requests", str(each))
    assert all_answered(seen)
    answer_of(rig, lost, second.release_id)


def test_a_leader_that_dies_in_a_promotion_costs_no_request_of_other_nodes(
    rig: SwarmRig, record_property: Callable[[str, object], None]
) -> None:
    first, second = (three_of(rig.deployment(v, g)) for v, g in (("a", 1), ("b", 2)))
    serve(first)
    leader = rig.nodes.leader()
    with load(rig, *({*NODES} - {leader})) as seen:
        swarm.apply(second)
        rig.nodes.kill(leader)
        try:
            swarm.switch(second)
        finally:
            rig.nodes.start(leader)
    for each in seen:
        record_property("requests", str(each))
    assert all_answered(seen)
    answer_of(rig, leader, second.release_id)


def test_an_image_that_one_node_cannot_get_is_refused_with_its_name(rig: SwarmRig) -> None:
    missing = rig.without_image(rig.deployment("a", 1))
    with pytest.raises(TargetError, match=r"is not on node1, node2, node3: ") as caught:
        swarm.apply(missing)
    assert "xtask build --push" in str(caught.value.help)


def test_secrets_are_files_and_their_names_do_not_tell_them(rig: SwarmRig) -> None:
    deployment = replace(rig.deployment("a", 1), secrets={"TOKEN": b"sesame"})
    swarm.apply(deployment)
    with rig.nodes.client() as client:
        wanted = naming.selecting(naming.labels(rig.site))
        (kept,) = client.secrets.list(filters=wanted)
    (service,) = rig.services()
    (file,) = service.attrs["Spec"]["TaskTemplate"]["ContainerSpec"]["Secrets"]
    assert (file["File"]["Name"], file["SecretName"]) == ("TOKEN", kept.name)
    swarm.remove(rig.site, keep=frozenset())
    with rig.nodes.client() as client:
        assert client.secrets.list(filters=wanted) == []
