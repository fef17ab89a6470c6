"""The deterministic names and labels by which a repeated command finds what an earlier one made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from xtask.release.deployment import Deployment, Site

APP: Final = "xtask.app"
ENVIRONMENT: Final = "xtask.environment"
ROLE: Final = "xtask.role"  # release | front | trial
RELEASE: Final = "xtask.release"
IMAGE: Final = "xtask.image"


def prefix(site: Site) -> str:
    """Return the beginning of every name of an environment; by itself, its network."""
    return f"xt-{site.app}-{site.environment}"


def candidate(deployment: Deployment) -> str:
    """Return the name of the container that runs a deployment."""
    return f"{prefix(deployment.site)}-{deployment.generation}"


def alias(deployment: Deployment) -> str:
    """Return the deployment's name inside its network, well within a DNS label's 63 octets."""
    return f"release-{deployment.generation}"


def pinned(deployment: Deployment) -> str:
    """Return the image by its digest, for whoever pulls it: a tag that moves changes nothing."""
    repository, _, tag = deployment.image_reference.rpartition(":")
    if not repository or "/" in tag:  # the colon is of a port, or there is none
        repository = deployment.image_reference
    return f"{repository}@{deployment.image_digest}"


def labels(site: Site, role: str | None = None) -> dict[str, str]:
    """Return the labels that everything of an environment carries, or of one role in it."""
    of_role = {ROLE: role} if role else {}
    return {APP: site.app, ENVIRONMENT: site.environment, **of_role}


def release_labels(deployment: Deployment, role: str) -> dict[str, str]:
    """Return the labels of a container that runs a deployment; equal ones mean equal content."""
    return {
        **labels(deployment.site, role),
        RELEASE: deployment.release_id,
        IMAGE: deployment.image_digest,
    }


def selecting(wanted: dict[str, str]) -> dict[str, list[str]]:
    """Return the engine's filter for things that carry all of these labels."""
    return {"label": [f"{key}={value}" for key, value in sorted(wanted.items())]}
