"""Errors of the engine in words that help."""

from __future__ import annotations

from typing import TYPE_CHECKING

import docker.errors
import pytest
import requests

from xtask.errors import TargetError
from xtask.release.docker.engine import absence_allowed, engine

if TYPE_CHECKING:
    from pathlib import Path


def test_unreachable_engine_says_how_to_do_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nobody.sock")
    with (
        pytest.raises(TargetError, match="releasing: the Docker Engine is not reachable") as caught,
        engine("releasing"),
    ):
        pass
    assert 'target = "record"' in str(caught.value.help)


def test_nonsense_in_docker_host_is_unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "nonsense://there")
    with pytest.raises(TargetError, match="not reachable"), engine("releasing"):
        pass


@pytest.mark.requires("docker")
@pytest.mark.parametrize(
    ("explanation", "remedy"),
    [
        ("Bind for 127.0.0.1:80 failed: port is already allocated", "another"),
        ("write /layer: no space left on device", "free disk space"),
        ("could not find an available IPv4 address pool", "docker network prune"),
        ('exec: "python3": executable file not found in $PATH', "python3"),
        ("client version 1.10 is too old", "update Docker"),
        ("something nobody has seen", "log"),
    ],
)
def test_refusal_keeps_the_words_of_the_engine_and_adds_a_remedy(
    explanation: str, remedy: str
) -> None:
    with pytest.raises(TargetError) as caught, engine("releasing"):
        raise docker.errors.APIError("500 Server Error", explanation=explanation)
    assert f"releasing: {explanation}" == caught.value.message
    assert remedy in str(caught.value.help)


@pytest.mark.requires("docker")
def test_silence_is_an_unknown_outcome_not_a_failure() -> None:
    silent = pytest.raises(TargetError, match="may still do it")
    with silent as caught, engine("releasing", timeout=5):
        raise requests.exceptions.ReadTimeout
    assert "xtask status" in str(caught.value.help)


def test_only_absence_is_allowed() -> None:
    with absence_allowed():
        raise docker.errors.NotFound("gone")
    with pytest.raises(docker.errors.APIError), absence_allowed():
        raise docker.errors.APIError("other")
