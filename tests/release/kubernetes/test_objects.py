"""The objects of an environment on Kubernetes: what they say, and what they refuse."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any

import pytest

from tests.support import schema
from tests.support.deployments import FULL, SITE, deployment
from tests.support.restricted import violations
from xtask.errors import UsageError
from xtask.release.deployment import Configuration, Limits, Site
from xtask.release.fencing import Pointer
from xtask.release.kubernetes import names, objects
from xtask.release.kubernetes.objects import CLOSED

PLAIN = deployment()
EVERY = [
    objects.namespace(SITE),
    objects.service(SITE, CLOSED),
    *objects.of_environment(PLAIN),
    *objects.of_release(PLAIN),
    *objects.of_environment(FULL),
    *objects.of_release(FULL),
]


def template(manifest: dict[str, Any]) -> Any:
    return manifest["spec"]["template"]["spec"]


def container(manifest: dict[str, Any]) -> Any:
    return template(manifest)["containers"][0]


@pytest.mark.parametrize("manifest", EVERY, ids=lambda each: str(each["kind"]))
def test_every_object_is_what_the_schema_of_kubernetes_wants(manifest: dict[str, Any]) -> None:
    schema.check(manifest)


def test_the_schema_refuses_a_key_that_is_misspelt() -> None:
    wrong = objects.service(SITE, CLOSED)
    wrong["spec"]["ports"][0]["targetport"] = 1
    with pytest.raises(ValueError, match="targetport"):
        schema.check(wrong)


@pytest.mark.parametrize("each", [PLAIN, FULL], ids=["plain", "full"])
def test_pods_keep_to_the_profile_restricted(each: Any) -> None:
    assert violations(template(objects.workload(each))) == []


def test_the_namespace_refuses_pods_that_do_not() -> None:
    labels = objects.namespace(SITE)["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"


def test_no_pod_gets_a_token_or_writes_where_it_is_not_meant_to() -> None:
    """CIS Kubernetes 5.1.6, 5.2, 5.7.3; a read-only root is CIS Docker 5.12."""
    workload = objects.workload(FULL)
    assert template(workload)["automountServiceAccountToken"] is False
    assert objects.service_account(SITE)["automountServiceAccountToken"] is False
    assert container(workload)["securityContext"]["readOnlyRootFilesystem"] is True
    assert template(workload)["securityContext"]["runAsUser"] >= 10000


def test_the_image_is_named_by_its_digest() -> None:
    assert container(objects.workload(PLAIN))["image"] == (
        f"registry.example:5000/shop/storefront@{PLAIN.image_digest}"
    )
    without_tag = replace(PLAIN, image_reference="registry.example:5000/shop")
    assert container(objects.workload(without_tag))["image"] == (
        f"registry.example:5000/shop@{PLAIN.image_digest}"
    )


def test_limits_are_those_of_the_configuration() -> None:
    limited = deployment(configuration=Configuration(limits=Limits(memory=256 << 20, cpus=0.5)))
    resources = container(objects.workload(limited))["resources"]
    assert resources["limits"] == {"memory": "268435456", "cpu": "500m"}
    assert resources["requests"]["memory"] == "268435456"


def test_a_promotion_takes_nothing_away_before_something_else_is_there() -> None:
    strategy = objects.workload(PLAIN)["spec"]["strategy"]["rollingUpdate"]
    assert strategy == {"maxUnavailable": 0, "maxSurge": 1}


def test_whether_a_pod_lives_is_not_asked_where_a_database_counts() -> None:
    probes = container(objects.workload(PLAIN))
    assert probes["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert probes["startupProbe"]["failureThreshold"] == 60
    assert "httpGet" not in probes["livenessProbe"]


def test_variables_are_shared_by_content_and_values_of_secrets_are_files() -> None:
    variables, secret, workload = objects.of_release(FULL)
    other = replace(FULL, release_id="rel_other")
    assert objects.config_map(other) == variables
    assert objects.secret(other) != secret
    assert base64.b64decode(secret["data"]["TOKEN"]) == b"open sesame"
    assert (variables["immutable"], secret["immutable"]) == (True, True)
    assert {each["name"] for each in container(workload)["env"]} == {
        "DSN_FILE", "TOKEN_FILE", "XTASK_IMAGE_DIGEST", "XTASK_MANIFEST_HASH", "XTASK_RELEASE_ID",
    }  # fmt: skip
    assert "open sesame" not in str(workload)
    assert base64.b64encode(b"open sesame").decode() not in str(workload)


def test_placement_is_said_with_labels_of_nodes() -> None:
    affinity = template(objects.workload(FULL))["affinity"]["nodeAffinity"]
    required = affinity["requiredDuringSchedulingIgnoredDuringExecution"]
    assert required["nodeSelectorTerms"][0]["matchExpressions"] == [
        {"key": "zone", "operator": "In", "values": ["a"]},
        {"key": "disk", "operator": "NotIn", "values": ["slow"]},
    ]


@pytest.mark.parametrize("words", ["zone", "=a", "zone=", "zone!="])
def test_a_placement_that_says_nothing_is_refused(words: str) -> None:
    with pytest.raises(UsageError, match="placement"):
        objects.workload(deployment(configuration=Configuration(placement=(words,))))


def test_one_pod_keeps_its_data_on_a_disk_beside_which_its_successor_starts() -> None:
    kinds = [each["kind"] for each in objects.of_environment(PLAIN)]
    assert "PersistentVolumeClaim" in kinds
    assert "podAffinity" in template(objects.workload(PLAIN))["affinity"]
    several = [each["kind"] for each in objects.of_environment(FULL)]
    assert "PersistentVolumeClaim" not in several


def test_the_service_selects_one_release_and_says_for_which_generation() -> None:
    service = objects.service(SITE, Pointer("rel_a_1", 7), version="41")
    selector = service["spec"]["selector"]
    pods = objects.workload(deployment("rel_a_1"))["spec"]["template"]["metadata"]["labels"]
    assert selector.items() <= pods.items()
    assert service["metadata"]["annotations"] == {"xtask.generation": "7"}
    assert service["metadata"]["resourceVersion"] == "41"


def test_pods_are_reached_at_one_port_and_reach_no_credentials_of_the_machine() -> None:
    policy = objects.network_policy(SITE)["spec"]
    assert policy["ingress"] == [{"ports": [{"port": "http", "protocol": "TCP"}]}]
    assert policy["egress"][0]["to"][0]["ipBlock"]["except"] == ["169.254.169.254/32"]


@pytest.mark.parametrize("name", ["gift_cards", "a" * 63 + "b", "x-" * 40 + "y"])
def test_names_become_dns_labels_that_do_not_meet(name: str) -> None:
    label = names.dns_label(name)
    assert len(label) <= 63
    assert label.replace("-", "").isalnum()
    assert label != names.dns_label(name.replace("_", "-") if "_" in name else name[:-1])


def test_a_long_name_of_an_app_still_makes_objects_that_the_schema_takes() -> None:
    site = Site("a" * 120, "b_c", 8080)
    made = objects.workload(deployment(site=site))
    labels = made["spec"]["template"]["metadata"]["labels"].values()
    assert max(map(len, labels)) <= 63
    assert len(made["metadata"]["namespace"]) <= 63
