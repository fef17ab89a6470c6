"""The services of a swarm as values: what they may do, and that no option is left to the Engine."""

from __future__ import annotations

from dataclasses import replace

import pytest

from xtask.release import target
from xtask.release.deployment import Configuration, Deployment, Limits, Site
from xtask.release.swarm import specs

SITE = Site("shop", "prod", 8081)
DIGEST = "sha256:" + "1" * 64
DEPLOYMENT = Deployment(
    site=SITE,
    release_id="rel_a",
    generation=7,
    manifest_hash="sha256:" + "0" * 64,
    image_digest=DIGEST,
    config_digest="sha256:" + "2" * 64,
    image_reference="registry.example:5000/team/shop:1",
    archive=lambda _: iter(()),
    configuration=Configuration(
        {"COLOUR": "red"}, replicas=3, placement=("node.role==worker",), limits=Limits(1, 0.5, 9)
    ),
)
SCRIPT = {"ConfigID": "c", "ConfigName": "c"}
ALL = [
    specs.release(DEPLOYMENT, network="n"),
    specs.serving(DEPLOYMENT, network="n", volume="v", script=SCRIPT),
    specs.pointing(DEPLOYMENT, token=7, undone=None, volume="v", script=SCRIPT),
    specs.pulling(DEPLOYMENT),
]


@pytest.mark.parametrize("spec", ALL, ids=lambda spec: spec["Name"])
def test_every_service_is_confined_and_says_every_option(spec: specs.Spec) -> None:
    container = spec["TaskTemplate"]["ContainerSpec"]
    assert container["Image"] == f"registry.example:5000/team/shop@{DIGEST}"
    assert (container["ReadOnly"], container["CapabilityDrop"]) == (True, ["ALL"])
    assert container["Privileges"] == {"NoNewPrivileges": True}
    assert container["Init"]
    assert set(spec["TaskTemplate"]["Resources"]["Limits"]) == {"NanoCPUs", "MemoryBytes", "Pids"}
    assert set(spec["TaskTemplate"]["RestartPolicy"]) == {
        "Condition", "Delay", "MaxAttempts", "Window",
    }  # fmt: skip
    for change in ("UpdateConfig", "RollbackConfig"):
        assert set(spec[change]) == {
            "Parallelism", "Delay", "FailureAction", "Monitor", "MaxFailureRatio", "Order",
        }  # fmt: skip


def test_a_release_is_what_its_configuration_says() -> None:
    spec = ALL[0]
    assert spec["Mode"] == {"Replicated": {"Replicas": 3}}
    assert spec["TaskTemplate"]["Placement"] == {"Constraints": ["node.role==worker"]}
    assert "COLOUR=red" in spec["TaskTemplate"]["ContainerSpec"]["Env"]
    assert spec["EndpointSpec"]["Mode"] == "dnsrr"
    assert "PublishedPort" not in spec["EndpointSpec"]["Ports"][0]


def test_who_undoes_a_release_says_which() -> None:
    spec = specs.pointing(DEPLOYMENT, token=8, undone="rel_b", volume="v", script=SCRIPT)
    assert spec["TaskTemplate"]["ContainerSpec"]["Command"][-1] == "rel_b"
    assert spec["Labels"][specs.GENERATION] == "8"


@pytest.mark.parametrize(
    ("reference", "repository"),
    [
        ("registry.example:5000/shop", "registry.example:5000/shop"),
        ("registry.example/shop:1", "registry.example/shop"),
        (f"registry.example/shop:1@{DIGEST}", "registry.example/shop"),
    ],
)
def test_nodes_pull_by_digest_whatever_the_name(reference: str, repository: str) -> None:
    named = replace(DEPLOYMENT, image_reference=reference)
    assert specs.pinned(named) == f"{repository}@{DIGEST}"


def test_the_target_can_be_found_by_its_name() -> None:
    assert target.target("swarm").name == "swarm"
