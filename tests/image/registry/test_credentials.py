from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest

from xtask.errors import UsageError
from xtask.image.registry.credentials import Credentials, find_credentials
from xtask.process import ProcessError

if TYPE_CHECKING:
    from pathlib import Path

ANNA = base64.b64encode(b"anna:ses:ame").decode()


@pytest.fixture
def environ(no_credentials: Path, tmp_path: Path) -> dict[str, str]:
    (tmp_path / "bin").mkdir()
    path = f"{tmp_path / 'bin'}:/usr/bin:/bin"
    return {"DOCKER_CONFIG": str(no_credentials), "PATH": path}


@pytest.fixture
def helper(tmp_path: Path, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program `docker-credential-vault` that runs the text of the file `answer`."""
    program = tmp_path / "bin" / "docker-credential-vault"
    program.write_text(f'#!/bin/sh\nread key\necho "$1 $key" >> {tmp_path}/asked\n. {tmp_path}/do')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", environ["PATH"])
    return tmp_path / "do"


def configure(environ: dict[str, str], config: Any, tmp_path: Path) -> None:
    (tmp_path / "docker" / "config.json").write_text(json.dumps(config))
    assert environ["DOCKER_CONFIG"] == str(tmp_path / "docker")


def test_without_a_configuration_there_is_nobody(environ: dict[str, str]) -> None:
    assert find_credentials("registry.example", environ) is None


def test_without_docker_config_it_is_in_the_home_folder(tmp_path: Path) -> None:
    (tmp_path / ".docker").mkdir()
    config = {"auths": {"registry.example": {"auth": ANNA}}}
    (tmp_path / ".docker" / "config.json").write_text(json.dumps(config))
    found = find_credentials("registry.example", {"HOME": str(tmp_path)})
    assert Credentials("anna", "ses:ame") == found


@pytest.mark.parametrize(
    ("key", "registry"),
    [
        ("registry.example", "registry.example"),
        ("https://registry.example", "registry.example"),
        ("https://registry.example/v2/", "registry.example"),
        ("localhost:5000", "localhost:5000"),
        ("https://index.docker.io/v1/", "docker.io"),
    ],
)
def test_finds_name_and_password(
    environ: dict[str, str], tmp_path: Path, key: str, registry: str
) -> None:
    configure(environ, {"auths": {"other.example": {}, key: {"auth": ANNA}}}, tmp_path)
    assert find_credentials(registry, environ) == Credentials("anna", "ses:ame")
    assert find_credentials("registry.example:1", environ) is None


def test_finds_an_identity_token(environ: dict[str, str], tmp_path: Path) -> None:
    entry = {"auth": base64.b64encode(b"anna:").decode(), "identitytoken": "refresh"}
    configure(environ, {"auths": {"registry.example": entry}}, tmp_path)
    found = find_credentials("registry.example", environ)
    assert found == Credentials("", "", "refresh")


@pytest.mark.parametrize(
    "config",
    [
        {"credHelpers": {"registry.example": "vault"}, "credsStore": "absent"},
        {"credsStore": "vault"},
    ],
)
def test_asks_a_helper(
    environ: dict[str, str], tmp_path: Path, helper: Path, config: dict[str, Any]
) -> None:
    configure(environ, config, tmp_path)
    helper.write_text('echo \'{"ServerURL": "", "Username": "anna", "Secret": "sesame"}\'')
    assert find_credentials("registry.example", environ) == Credentials("anna", "sesame")
    assert (tmp_path / "asked").read_text() == "get registry.example\n"


def test_a_helper_may_have_an_identity_token(
    environ: dict[str, str], tmp_path: Path, helper: Path
) -> None:
    configure(environ, {"credsStore": "vault"}, tmp_path)
    helper.write_text('echo \'{"Username": "<token>", "Secret": "refresh"}\'')
    assert find_credentials("docker.io", environ) == Credentials("", "", "refresh")
    assert (tmp_path / "asked").read_text() == "get https://index.docker.io/v1/\n"


def test_a_helper_that_has_nothing_leaves_it_to_the_file(
    environ: dict[str, str], tmp_path: Path, helper: Path
) -> None:
    config = {"credsStore": "vault", "auths": {"registry.example": {"auth": ANNA}}}
    configure(environ, config, tmp_path)
    helper.write_text("echo credentials not found in native keychain; exit 1")
    assert find_credentials("registry.example", environ) == Credentials("anna", "ses:ame")


def test_a_helper_that_fails_is_no_reason_to_be_nobody(
    environ: dict[str, str], tmp_path: Path, helper: Path
) -> None:
    configure(environ, {"credsStore": "vault"}, tmp_path)
    helper.write_text("echo the vault is locked >&2; exit 1")
    with pytest.raises(ProcessError, match="the vault is locked"):
        find_credentials("registry.example", environ)


def test_refuses_a_helper_that_does_not_answer(
    environ: dict[str, str], tmp_path: Path, helper: Path
) -> None:
    configure(environ, {"credsStore": "vault"}, tmp_path)
    helper.write_text("echo sesame")
    with pytest.raises(UsageError) as caught:
        find_credentials("registry.example", environ)
    assert "sesame" not in caught.value.message


@pytest.mark.parametrize(
    "config",
    [
        [],
        {"auths": ["registry.example"]},
        {"auths": {"registry.example": {"auth": "!"}}},
        {"auths": {"registry.example": {"auth": "/w=="}}},
        {"credHelpers": "vault"},
        {"credsStore": "../vault"},
        {"credsStore": "vault; reboot"},
        {"credsStore": 1},
    ],
    ids=str,
)
def test_refuses_a_configuration_that_cannot_be_read(
    environ: dict[str, str], tmp_path: Path, config: Any
) -> None:
    configure(environ, config, tmp_path)
    with pytest.raises(UsageError, match=r"config\.json"):
        find_credentials("registry.example", environ)


def test_refuses_a_configuration_that_is_not_json(environ: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "docker" / "config.json").write_text("[" * 100_000)
    with pytest.raises(UsageError, match=r"config\.json"):
        find_credentials("registry.example", environ)


def test_credentials_are_not_in_what_is_shown_of_them() -> None:
    shown = repr(Credentials("anna", "sesame", "refresh"))
    assert [one for one in ("anna", "sesame", "refresh") if one in shown] == []
