"""What a container is told of a deployment, and what nobody is told."""

from __future__ import annotations

from dataclasses import replace

from tests.release.test_health import deployment
from xtask.release.deployment import Configuration

DEPLOYMENT = replace(
    deployment(),
    configuration=Configuration(variables={"LOG": "info"}, secrets=("KEY", "PIN")),
    secrets={"PIN": b"71930246\n", "KEY": b"first-line\nsecond-line\n"},
)


def test_a_container_has_who_it_is_its_variables_and_where_its_secrets_are() -> None:
    assert DEPLOYMENT.environ == {
        "LOG": "info",
        "KEY_FILE": "/run/secrets/KEY",
        "PIN_FILE": "/run/secrets/PIN",
        "XTASK_RELEASE_ID": "rel_1",
        "XTASK_MANIFEST_HASH": "sha256:0",
        "XTASK_IMAGE_DIGEST": "sha256:1",
    }


def test_what_a_release_says_is_shown_without_its_secrets_whole_or_by_line() -> None:
    said = "pin=71930246, key: first-line\nsecond-line\n; again second-line"
    assert DEPLOYMENT.masked(said) == "pin=***, key: ***\n; again ***"
    assert deployment().masked(said) == said
    assert "71930246" not in repr(DEPLOYMENT)
