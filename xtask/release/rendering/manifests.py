"""Kubernetes manifests, in the order in which to apply them.

Whoever applies a file does that once: so there is one Deployment, whose pods are replaced one by
one behind a Service that selects all of them, and nothing has to be switched.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from xtask.release.fencing import Pointer
from xtask.release.kubernetes import names, objects

if TYPE_CHECKING:
    from xtask.release.deployment import Deployment

SECRETS: Final = "secrets"
"""The Secret that has to be in the namespace, with the name of each secret as a key."""


def documents(deployment: Deployment) -> list[dict[str, Any]]:
    """Return every object but the Secret, whose values are nobody's business here."""
    site, variables = deployment.site, objects.config_map(deployment)
    every = names.labels(site, "release")
    workload = objects.workload(deployment, secret_name=SECRETS)
    workload["metadata"]["name"] = names.service(site)
    workload["spec"]["selector"] = {"matchLabels": every}
    service = objects.service(site, Pointer(deployment.release_id, deployment.generation))
    service["spec"]["selector"] = every
    return [
        objects.namespace(site),
        *objects.of_environment(deployment),
        *([variables] if variables else []),
        workload,
        service,
    ]
