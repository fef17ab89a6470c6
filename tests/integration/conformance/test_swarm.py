"""What only a swarm goes through: hosts that die, managers that change, networks that break."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.integration.watch import watching
from tests.support.swarm import NODES
from xtask.errors import TargetError
from xtask.release import health, naming, swarm
from xtask.release.deployment import Configuration

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.integration.conformance.swarm import SwarmRig
    from tests.integration.watch import Watch
    from xtask.release.deployment import Deployment

pytestmark = pytest.mark.requires("swarm")


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
            stack.enter_context(watching(rig.site.port, rig.nodes.host(node), clients=3))
            for node in nodes
        ]


def all_answered(seen: list[Watch]) -> bool:
    return all(each.answers and set(each.answers) == {200} and not each.failures for each in seen)


def test_a_node_that_was_cut_off_serves_what_it_has_missed_and_costs_no_request_of_others(
    swarm_rig: SwarmRig, record_property: Callable[[str, object], None]
) -> None:
    first, second = (three_of(swarm_rig.deployment(v, g)) for v, g in (("a", 1), ("b", 2)))
    serve(first)
    leader = swarm_rig.nodes.leader()
    lost, *others = sorted(NODES, key=leader.__eq__)
    with load(swarm_rig, *others) as seen:
        swarm_rig.nodes.cut(lost)
        try:
            serve(second)
        finally:
            swarm_rig.nodes.heal(lost)
    for each in seen:
        record_property("requests", str(each))
    assert all_answered(seen)
    answer_of(swarm_rig, lost, second.release_id)


def test_a_leader_that_dies_in_a_promotion_costs_no_request_of_other_nodes(
    swarm_rig: SwarmRig, record_property: Callable[[str, object], None]
) -> None:
    first, second = (three_of(swarm_rig.deployment(v, g)) for v, g in (("a", 1), ("b", 2)))
    serve(first)
    leader = swarm_rig.nodes.leader()
    with load(swarm_rig, *({*NODES} - {leader})) as seen:
        swarm.apply(second)
        swarm_rig.nodes.kill(leader)
        try:
            swarm.switch(second)
        finally:
            swarm_rig.nodes.start(leader)
    for each in seen:
        record_property("requests", str(each))
    assert all_answered(seen)
    answer_of(swarm_rig, leader, second.release_id)


def test_an_image_that_one_node_cannot_get_is_refused_with_its_name(swarm_rig: SwarmRig) -> None:
    missing = swarm_rig.without_image(swarm_rig.deployment("a", 1))
    with pytest.raises(TargetError, match=r"is not on node1, node2, node3: ") as caught:
        swarm.apply(missing)
    assert "xtask build --push" in str(caught.value.help)


def test_secrets_are_files_and_their_names_do_not_tell_them(swarm_rig: SwarmRig) -> None:
    deployment = replace(swarm_rig.deployment("a", 1), secrets={"TOKEN": b"sesame"})
    swarm.apply(deployment)
    with swarm_rig.nodes.client() as client:
        wanted = naming.selecting(naming.labels(swarm_rig.site))
        (kept,) = client.secrets.list(filters=wanted)
    (service,) = swarm_rig.services()
    (file,) = service.attrs["Spec"]["TaskTemplate"]["ContainerSpec"]["Secrets"]
    assert (file["File"]["Name"], file["SecretName"]) == ("TOKEN", kept.name)
    swarm.remove(swarm_rig.site, keep=frozenset())
    with swarm_rig.nodes.client() as client:
        assert client.secrets.list(filters=wanted) == []
