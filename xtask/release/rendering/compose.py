"""A Compose file for one machine, by <https://compose-spec.io>.

A file can say what runs, and not how one release follows another: that is a gap of some seconds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from xtask.errors import UsageError
from xtask.release import naming
from xtask.release.deployment import LISTEN_PORT, READY_PATH

if TYPE_CHECKING:
    from xtask.release.deployment import Deployment, Site

SECRETS_FOLDER: Final = "./secrets"
"""The folder beside the file in which each secret is a file of its name."""

SERVICE: Final = "app"


def documents(deployment: Deployment) -> list[dict[str, Any]]:
    """Return the one document of a release.

    Raises:
        UsageError: it wants several replicas, of which only one can have the port.
    """
    if deployment.configuration.replicas > 1:
        raise UsageError(
            f"{deployment.configuration.replicas} replicas cannot share a port of one machine",
            help="render the environment for `swarm` or `kubernetes`",
        )
    site, limits = deployment.site, deployment.configuration.limits
    service = {
        **service_of(deployment),
        "ports": [f"127.0.0.1:{site.port}:{LISTEN_PORT}"],
        "restart": "unless-stopped",
        "security_opt": ["no-new-privileges:true"],
        "mem_limit": limits.memory,
        "memswap_limit": limits.memory,
        "cpus": limits.cpus,
        "pids_limit": limits.pids,
    }
    files = {name: {"file": f"{SECRETS_FOLDER}/{name}"} for name in _secrets(deployment)}
    return [
        {
            "services": {SERVICE: service},
            "volumes": volumes(site),
            **({"secrets": files} if files else {}),
        }
    ]


def volumes(site: Site) -> dict[str, Any]:
    """Return the volume with an environment's data, which target `docker` would use too."""
    return {"data": {"name": f"{naming.prefix(site)}-data"}}


def service_of(deployment: Deployment) -> dict[str, Any]:
    """Return what a service is on one machine and in a swarm alike."""
    secrets = _secrets(deployment)
    return {
        "image": naming.pinned(deployment),
        "labels": naming.release_labels(deployment, "release"),
        "environment": {key: _literal(text) for key, text in sorted(deployment.environ.items())},
        "read_only": True,
        "cap_drop": ["ALL"],
        "init": True,
        "stop_grace_period": "20s",
        "healthcheck": healthcheck(deployment.configuration.ready_within),
        "volumes": [
            {"type": "volume", "source": "data", "target": "/data"},
            {"type": "tmpfs", "target": "/tmp", "tmpfs": {"size": 64 << 20}},  # noqa: S108 - inside the container
        ],
        **({"secrets": secrets} if secrets else {}),
    }


def healthcheck(ready_within: float) -> dict[str, Any]:
    """Return how an engine sees that a release is ready: with Python, as nothing else is there."""
    address = f"http://127.0.0.1:{LISTEN_PORT}{READY_PATH}"
    ask = f"import urllib.request; urllib.request.urlopen({address!r}, timeout=2)"
    return {
        "test": ["CMD", "python3", "-c", ask],
        "interval": "5s",
        "timeout": "5s",
        "retries": 3,
        "start_period": f"{round(ready_within)}s",
    }


def _literal(text: str) -> str:
    """Return a text in which nobody looks for variables of the shell."""
    return text.replace("$", "$$")


def _secrets(deployment: Deployment) -> list[str]:
    return sorted(deployment.configuration.secrets)
