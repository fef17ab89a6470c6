"""What the objects of an environment are called, and the labels by which they are found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from xtask.digest import hex_of, sha256
from xtask.release import naming

if TYPE_CHECKING:
    from xtask.release.deployment import Deployment, Site

MANAGER: Final = "xtask"
"""The field manager of everything that is applied."""

GENERATION: Final = "xtask.generation"
NONE: Final = "none"
"""The release that a Service selects which is not switched to any yet."""

_LONGEST: Final = 63  # octets of a DNS label (RFC 1123) and of the value of a label
_DIGITS: Final = 8


def dns_label(text: str) -> str:
    """Return a name of `modules.toml` as a DNS label, two different ones for two names.

    One that cannot be kept as it is, for an underscore or its length, ends with its digest.
    """
    label = text.replace("_", "-")
    if label == text and len(label) <= _LONGEST:
        return label
    return f"{label[: _LONGEST - _DIGITS - 1].rstrip('-')}-{_digits(text.encode())}"


def namespace(site: Site) -> str:
    """Return the namespace of an environment."""
    return dns_label(naming.prefix(site))


def service(site: Site) -> str:
    """Return the Service of an environment: the host name of the product in its namespace."""
    return dns_label(site.app)


def data_claim(site: Site) -> str:
    """Return the name of the disk of an environment."""
    return f"{service(site)}-data"


def of_release(deployment: Deployment) -> str:
    """Return the name of what is of one release alone."""
    return deployment.release_id.replace("_", "-")


def of_content(prefix: str, content: bytes) -> str:
    """Return the name of something that never changes, by its content."""
    return f"{prefix}-{_digits(content)}"


def labels(site: Site, role: str | None = None) -> dict[str, str]:
    """Return the labels that everything of an environment carries, or of one role in it."""
    return {key: dns_label(value) for key, value in naming.labels(site, role).items()}


def release_labels(deployment: Deployment) -> dict[str, str]:
    """Return the labels of the pods of a release, and of what else is of it alone."""
    return labels(deployment.site, "release") | {naming.RELEASE: deployment.release_id}


def _digits(content: bytes) -> str:
    return hex_of(sha256(content))[:_DIGITS]
