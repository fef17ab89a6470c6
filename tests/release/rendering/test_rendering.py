"""Files for other deployers: the same bytes each time, no secrets, only keys that exist."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from jsonschema import Draft7Validator

from tests.support import schema
from tests.support.deployments import FULL, deployment
from tests.support.restricted import violations
from xtask.cli.verbs import load
from xtask.errors import UsageError
from xtask.release.deployment import Configuration
from xtask.release.rendering import FORMATS, render

if TYPE_CHECKING:
    from xtask.release.deployment import Deployment

_COMPOSE_SCHEMA = Path("/usr/lib/python3/dist-packages/compose/config/compose_spec.json")
ONE = deployment(
    configuration=Configuration(variables={"PRICE": "$5 & 'more'"}, secrets=("TOKEN",)),
    secrets={"TOKEN": b"open sesame"},
)


def of(form: str) -> Deployment:
    return ONE if form == "compose" else FULL


def test_what_can_be_asked_for_is_what_can_be_rendered() -> None:
    (option,) = [each for each in load("render").options if "--target" in each.names]
    assert set(option.how["choices"]) == set(FORMATS)


def documents(form: str) -> list[Any]:
    return list(yaml.safe_load_all(render(of(form), form).content))


@pytest.mark.parametrize("form", FORMATS)
def test_the_same_release_gives_the_same_bytes_and_none_of_its_secrets(form: str) -> None:
    made = render(of(form), form)
    assert made == render(of(form), form)
    assert b"open sesame" not in made.content
    assert b"b3BlbiBzZXNhbWU" not in made.content
    assert b"TOKEN" in made.content or form == "kubernetes"


@pytest.mark.parametrize("form", FORMATS)
def test_the_image_is_named_by_its_digest(form: str) -> None:
    pinned = f"registry.example:5000/shop/storefront@{FULL.image_digest}"
    assert pinned.encode() in render(of(form), form).content


def test_manifests_are_what_kubernetes_wants_and_keep_to_the_profile_restricted() -> None:
    made = documents("kubernetes")
    for each in made:
        schema.check(each)
    (workload,) = [each for each in made if each["kind"] == "Deployment"]
    assert violations(workload["spec"]["template"]["spec"]) == []
    assert made[0]["kind"] == "Namespace"


def test_pods_are_replaced_one_by_one_behind_one_service() -> None:
    made = {each["kind"]: each for each in documents("kubernetes")}
    pods = made["Deployment"]["spec"]["template"]["metadata"]["labels"]
    selector = made["Service"]["spec"]["selector"]
    assert made["Deployment"]["spec"]["selector"]["matchLabels"] == selector
    assert selector.items() <= pods.items()
    assert "xtask.release" not in selector


def test_several_replicas_cannot_be_said_for_one_machine() -> None:
    with pytest.raises(UsageError, match="replicas"):
        render(FULL, "compose")


def test_a_dollar_is_no_variable_of_the_shell() -> None:
    (made,) = documents("compose")
    assert made["services"]["app"]["environment"]["PRICE"] == "$$5 & 'more'"


@pytest.mark.requires("compose")
@pytest.mark.parametrize("form", ["compose", "swarm"])
def test_every_key_is_one_of_the_compose_specification(form: str) -> None:
    (made,) = documents(form)
    Draft7Validator(json.loads(_COMPOSE_SCHEMA.read_text())).validate(made)


@pytest.mark.requires("compose")
def test_docker_compose_reads_the_file_as_it_is_meant(tmp_path: Path) -> None:
    path = tmp_path / "compose.yaml"
    path.write_bytes(render(ONE, "compose").content)
    done = subprocess.run(
        ["docker-compose", "--file", path, "config"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    app = yaml.safe_load(done.stdout)["services"]["app"]
    assert app["read_only"] is True
    assert app["environment"]["PRICE"] == "$$5 & 'more'"
