"""What an image is called: `registry[:port]/repository[:tag][@digest]`, completed as Docker does.

The grammar is that of github.com/distribution/reference, the rules of OCI Distribution
Specification 1.1, "Pulling manifests", included.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from xtask.errors import UsageError
from xtask.manifest.grammar import PORTS

DOCKER_HUB = "docker.io"

_MAX_NAME = 255
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_REGISTRY = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[0-9a-fA-F:]+\])(?::([0-9]{{1,5}}))?")
_REST = re.compile(
    rf"(?P<repository>{_COMPONENT}(?:/{_COMPONENT})*)"
    r"(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}))?"
    r"(?:@(?P<digest>sha256:[0-9a-f]{64}))?"
)


class Reference(NamedTuple):
    """A repository of a registry, and which image in it; its text has no abbreviation."""

    registry: str
    repository: str
    tag: str | None = None
    digest: str | None = None

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        digest = f"@{self.digest}" if self.digest else ""
        return f"{self.registry}/{self.repository}{tag}{digest}"


def parse_reference(text: str) -> Reference:
    """Return the parts of a reference; one without a registry is meant for Docker Hub.

    Raises:
        UsageError: it is none.
    """
    first, slash, rest = text.partition("/")
    if not (slash and _names_registry(first)):
        first, rest = DOCKER_HUB, text
    registry = DOCKER_HUB if first == f"index.{DOCKER_HUB}" else first
    found, host = _REST.fullmatch(rest), _REGISTRY.fullmatch(registry)
    if not (found and host) or (host[1] and int(host[1]) not in PORTS):
        raise _not_one(text)
    repository, tag, digest = found.group("repository", "tag", "digest")
    if registry == DOCKER_HUB and "/" not in repository:
        repository = f"library/{repository}"
    if len(registry) + 1 + len(repository) > _MAX_NAME:
        raise _not_one(text)
    return Reference(registry, repository, tag, digest)


def _names_registry(first: str) -> bool:
    """Return whether the part before the first slash is a registry: no repository looks so."""
    return first == "localhost" or "." in first or ":" in first or first != first.lower()


def _not_one(text: str) -> UsageError:
    hint = "write it like registry.example/team/shop:1 or registry.example/shop@sha256:…"
    return UsageError(f"{text!r} is not the name of an image", help=hint)
