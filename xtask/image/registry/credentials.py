"""Who we are to a registry: what `docker login` left in its configuration or a credential helper.

docs.docker.com/reference/cli/docker/login: `config.json`, and programs `docker-credential-NAME`.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from xtask.errors import UsageError
from xtask.image.registry.reference import DOCKER_HUB
from xtask.process import ProcessError, run

if TYPE_CHECKING:
    from collections.abc import Mapping

_HUB_KEY = "https://index.docker.io/v1/"
_HELPER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_HELPER_SECONDS = 60
_MAX_CONFIG = 1 << 20
# What helpers say, on standard output and with exit code 1, when they have nothing.
_NOT_FOUND = "credentials not found"
_TOKEN_USER = "<token>"  # noqa: S105 - the name that says that no password follows


class Credentials(NamedTuple):
    """A name and a password, or a token to get other tokens with; never shown as text."""

    username: str
    password: str
    identity_token: str = ""

    def __repr__(self) -> str:
        return "Credentials(…)"

    @property
    def basic(self) -> str:
        """The value of an Authorization header (RFC 7617)."""
        joined = f"{self.username}:{self.password}".encode()
        return "Basic " + base64.b64encode(joined).decode()


def find_credentials(registry: str, environ: Mapping[str, str] = os.environ) -> Credentials | None:
    """Return what the user has for a registry; None when nothing.

    A helper for this registry is asked first, then the helper for all, then the file itself.

    Raises:
        UsageError: the configuration cannot be read.
        ProcessError: a helper fails.
    """
    path = _config_path(environ)
    config = _read(path)
    key = _HUB_KEY if registry == DOCKER_HUB else registry
    helper = _table(config, "credHelpers", path).get(registry) or config.get("credsStore")
    if helper and (found := _ask(helper, key, path)):
        return found
    for name, entry in _table(config, "auths", path).items():
        if _host(name) == _host(key) and isinstance(entry, dict):
            return _entry(entry, path)
    return None


def _config_path(environ: Mapping[str, str]) -> Path:
    folder = environ.get("DOCKER_CONFIG")
    home = Path(environ.get("HOME") or "/nonexistent")
    return (Path(folder) if folder else home / ".docker") / "config.json"


def _read(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as stream:
            data = stream.read(_MAX_CONFIG + 1)
        config = json.loads(data) if len(data) <= _MAX_CONFIG else None
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise _not_readable(path) from error
    if not isinstance(config, dict):
        raise _not_readable(path)
    return config


def _table(config: Mapping[str, Any], name: str, path: Path) -> Mapping[str, Any]:
    value = config.get(name) or {}
    if not isinstance(value, dict):
        raise _not_readable(path)
    return value


def _host(name: str) -> str:
    """Return the registry that a key of `auths` is for: it may be an address, as for v1."""
    return name.removeprefix("https://").removeprefix("http://").partition("/")[0]


def _entry(entry: Mapping[str, Any], path: Path) -> Credentials | None:
    if token := entry.get("identitytoken"):
        return Credentials("", "", str(token))
    try:
        joined = base64.b64decode(str(entry.get("auth") or ""), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise _not_readable(path) from error
    username, colon, password = joined.partition(":")
    if colon:
        return Credentials(username, password.rstrip("\0"))
    if entry.get("username"):
        return Credentials(str(entry["username"]), str(entry.get("password") or ""))
    return None


def _ask(helper: object, key: str, path: Path) -> Credentials | None:
    """Return what a credential helper knows (github.com/docker/docker-credential-helpers)."""
    if not isinstance(helper, str) or not _HELPER.fullmatch(helper):
        raise _not_readable(path)
    try:
        said = run([f"docker-credential-{helper}", "get"], stdin=key, timeout=_HELPER_SECONDS)
    except ProcessError as error:
        if _NOT_FOUND in error.output:
            return None
        raise
    try:
        found = json.loads(said)
        username, secret = str(found["Username"]), str(found["Secret"])
    except (ValueError, KeyError, TypeError) as error:
        message = f"docker-credential-{helper} does not answer with a name and a secret"
        raise UsageError(message) from error
    return Credentials("", "", secret) if username == _TOKEN_USER else Credentials(username, secret)


def _not_readable(path: Path) -> UsageError:
    hint = "log in again with docker login, or repair the file"
    return UsageError(f"{path} is not a configuration of Docker", help=hint)
