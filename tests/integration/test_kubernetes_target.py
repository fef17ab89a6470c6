"""What only a cluster can do to a release, on good days and on bad ones."""

from __future__ import annotations

import base64
import json
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.conformance.on_kubernetes import KubernetesRig, one_cluster
from tests.support.kubernetes.api import Fault
from tests.support.kubernetes.store import Key
from xtask.errors import TargetError
from xtask.release import health, kubernetes
from xtask.release.deployment import Configuration

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from xtask.release.deployment import Deployment


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[KubernetesRig]:
    with one_cluster(tmp_path) as made:
        yield made


def serve(deployment: Deployment) -> None:
    kubernetes.apply(deployment)
    kubernetes.switch(deployment)


def held(rig: KubernetesRig, plural: str) -> list[Any]:
    return rig.api.store.list(plural, rig.namespace, {})


def test_a_field_that_somebody_else_has_taken_is_drift_and_is_left_alone(
    rig: KubernetesRig,
) -> None:
    deployment = rig.deployment("a", 1)
    serve(deployment)
    key = Key("deployments", rig.namespace, "rel-a-1")
    rig.api.edit(key, ("spec", "replicas"), 2, manager="kubectl-scale")
    for step in (kubernetes.plan, kubernetes.apply):
        with pytest.raises(TargetError, match=r"rel-a-1 has drifted: \.spec\.replicas") as caught:
            step(deployment)
        assert '"kubectl-scale"' in caught.value.message
    assert rig.api.store.objects[key]["spec"]["replicas"] == 2
    assert rig.serving() == "rel_a_1"


def test_everything_is_applied_under_one_name_and_never_by_force(rig: KubernetesRig) -> None:
    serve(rig.deployment("a", 1))
    writes = [each for each in rig.api.asked if each.method == "PATCH"]
    said = {(each.query["fieldManager"], each.query["force"]) for each in writes}
    assert said == {("xtask", "false")}
    assert {each.content_type for each in writes} == {"application/apply-patch+yaml"}
    moves = [each for each in writes if "/services/" in each.path]
    assert len(moves) == 2  # made closed, then switched


def test_a_server_that_is_busy_or_hangs_up_is_asked_again(rig: KubernetesRig) -> None:
    rig.api.faults += [
        Fault("PATCH", "/deployments/", 429),
        Fault("PATCH", "/networkpolicies/", 0),
        Fault("PATCH", "/serviceaccounts/", 409),
        Fault("PATCH", "/services/", 0, after=True),
        Fault("GET", "/pods", 503, times=2),
        Fault("GET", "/endpointslices", 500),
    ]
    deployment = rig.deployment("a", 1)
    kubernetes.apply(deployment)
    rig.api.faults += [
        Fault("PATCH", "/services/", 409),
        Fault("PATCH", "/services/", 0, after=True),
    ]
    kubernetes.switch(deployment)
    assert [each for each in rig.api.faults if each.times] == []
    assert rig.serving() == "rel_a_1"


def test_a_watch_that_is_dropped_or_cannot_begin_so_far_back_is_no_obstacle(
    rig: KubernetesRig,
) -> None:
    rig.api.store.forgotten = 1 << 30
    kubernetes.apply(rig.deployment("a", 1))
    rig.api.store.forgotten = 0
    rig.api.faults.append(Fault("GET", "/pods$", 0, times=3))
    serve(rig.deployment("b", 2))
    assert rig.serving() == "rel_b_2"


def test_variables_and_secrets_come_to_the_pods_and_go_with_the_release(
    rig: KubernetesRig,
) -> None:
    configured = Configuration(variables={"CURRENCY": "EUR"}, secrets=("TOKEN",), replicas=2)
    deployment = replace(
        rig.deployment("a", 1), configuration=configured, secrets={"TOKEN": b"open sesame"}
    )
    serve(deployment)
    kubernetes.apply(replace(deployment, secrets={"TOKEN": b"another one"}))
    (secret,) = held(rig, "secrets")
    assert base64.b64decode(secret["data"]["TOKEN"]) == b"another one"
    given = json.loads(health.at(rig.port)("/environment").text)
    assert given["CURRENCY"] == "EUR"
    assert (given["TOKEN_FILE"]["content"], given["TOKEN_FILE"]["mode"]) == ("open sesame", "440")
    (slices,) = held(rig, "endpointslices")
    assert len(slices["endpoints"]) == 2
    kubernetes.remove(rig.site, keep=frozenset())
    assert [held(rig, each) for each in ("secrets", "configmaps", "services")] == [[], [], []]
    assert held(rig, "namespaces") == [] != rig.api.store.list("namespaces", "", {})


def test_data_stays_when_an_environment_ends(rig: KubernetesRig) -> None:
    serve(rig.deployment("a", 1))
    kubernetes.remove(rig.site, keep=frozenset())
    assert [each["metadata"]["name"] for each in held(rig, "persistentvolumeclaims")] == [
        f"{rig.app}-data"
    ]


def test_a_pod_that_the_cluster_refuses_says_why(
    rig: KubernetesRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.support.kubernetes.nodes.violations", lambda _spec: ["no quota"])
    with pytest.raises(TargetError, match="no quota"):
        kubernetes.apply(rig.deployment("a", 1, ready_within=0.3))
    assert rig.running() == set()


def test_who_may_not_do_it_is_told_so_and_nothing_was_switched(rig: KubernetesRig) -> None:
    rig.api.faults.append(Fault("PATCH", "/deployments/", 403))
    with pytest.raises(TargetError, match="deployments/rel-a-1: it was told to say 403") as caught:
        kubernetes.apply(rig.deployment("a", 1))
    assert "role" in str(caught.value.help)
    assert kubernetes.observe(rig.site) is None


def test_the_context_of_the_environment_is_the_one_that_is_asked(rig: KubernetesRig) -> None:
    there = rig.site._replace(addresses=("test",))
    assert kubernetes.plan(replace(rig.deployment("a", 1), site=there))
    with pytest.raises(TargetError, match="nowhere") as caught:
        kubernetes.plan(
            replace(rig.deployment("a", 1), site=there._replace(addresses=("nowhere",)))
        )
    assert "kubectl config get-contexts" in str(caught.value.help)


def test_a_missing_client_is_said_with_the_command_that_installs_it(
    rig: KubernetesRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "kubernetes.client.exceptions", None)
    with pytest.raises(TargetError) as caught:
        kubernetes.plan(rig.deployment("a", 1))
    assert caught.value.help == "install it: `pip install 'xtask[kubernetes]'`"
