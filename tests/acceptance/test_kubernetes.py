"""A product on a cluster, as an admin types it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.integration.conftest import program
from tests.support.kubernetes.api import api_server
from tests.support.kubernetes.nodes import Image

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.office import Office


def test_a_promotion_that_fails_leaves_what_serves_and_a_rollback_brings_back_what_did(
    office: Office, tmp_path: Path
) -> None:
    office.rule('target = "kubernetes"', "staging")
    digests = [str(workshop.build.image_digest) for workshop in office.workshops]
    with api_server(tmp_path) as api:
        office.monkeypatch.setenv("KUBECONFIG", str(api.kubeconfig(tmp_path / "kubeconfig")))
        for digest, mode in zip(digests, ("works", "works", "exits"), strict=True):
            api.nodes.images[digest] = Image(program(mode), digest)
        first = office.promoted(0)
        office.promoted(1)
        words = ("promote", office.builds[2], "--to", "staging", "--reason", "it is time")
        failed = office.says(*words)
        assert failed.code == 7, failed.err
        assert "no database: cannot start" in failed.err
        why = ("--reason", "orders fail", "--across-maintenance")
        back = office.done("rollback", "--env", "staging", *why)
        assert back["restores_release_id"] == first["id"]
        (staging,) = [each for each in office.done("status") if each["environment"] == "staging"]
        assert staging["drift"] == []
        assert staging["observed"]["label"] == staging["observed"]["release_id"] == back["id"]
