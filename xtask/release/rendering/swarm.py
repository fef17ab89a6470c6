"""A stack file for `docker stack deploy`, in version 3.8 of the Compose file format.

Every option of updates is written, since what an engine takes for one that is not there has changed
between its versions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from xtask.release import naming
from xtask.release.deployment import LISTEN_PORT
from xtask.release.rendering.compose import SERVICE, service_of, volumes

if TYPE_CHECKING:
    from xtask.release.deployment import Deployment, Limits

_VERSION: Final = "3.8"


def documents(deployment: Deployment) -> list[dict[str, Any]]:
    """Return the one document of a release; its secrets are those of the swarm, made before."""
    site = deployment.site
    prefix = naming.prefix(site)
    secrets = {
        name: {"external": True, "name": f"{prefix}-{name}"}
        for name in sorted(deployment.configuration.secrets)
    }
    port = {"target": LISTEN_PORT, "published": site.port, "protocol": "tcp", "mode": "ingress"}
    service = {**service_of(deployment), "ports": [port], "deploy": _deploy(deployment)}
    return [
        {
            "version": _VERSION,
            "services": {SERVICE: service},
            "volumes": volumes(site),
            **({"secrets": secrets} if secrets else {}),
        }
    ]


def _deploy(deployment: Deployment) -> dict[str, Any]:
    configuration = deployment.configuration
    placement = {"constraints": list(configuration.placement)} if configuration.placement else {}
    return {
        "mode": "replicated",
        "replicas": configuration.replicas,
        "labels": naming.release_labels(deployment, "release"),
        "update_config": _update(configuration.ready_within, failure="rollback"),
        "rollback_config": _update(configuration.ready_within, failure="pause"),
        "restart_policy": {"condition": "any", "delay": "2s"},
        "resources": {"limits": _limits(configuration.limits)},
        **({"placement": placement} if placement else {}),
    }


def _update(ready_within: float, *, failure: str) -> dict[str, Any]:
    """Return how tasks are replaced: a new one first, watched for longer than it needs to fail."""
    return {
        "parallelism": 1,
        "delay": "0s",
        "failure_action": failure,
        "monitor": f"{round(ready_within)}s",
        "max_failure_ratio": 0,
        "order": "start-first",
    }


def _limits(limits: Limits) -> dict[str, Any]:
    return {"cpus": f"{limits.cpus:g}", "memory": str(limits.memory)}
