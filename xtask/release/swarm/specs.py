"""What the services of an environment are, as values: nothing here asks a swarm.

Every option that the Engine would choose is written down, because it, its command line and its SDK
choose differently. A service without a virtual IP needs no IP_VS in the kernel: names resolve to
the addresses of tasks, and ports are those of the node on which a task runs.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from xtask.release import front, naming
from xtask.release.deployment import LISTEN_PORT, Limits
from xtask.release.docker.hardening import FRONT_LIMITS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from xtask.release.deployment import Deployment, Site
    from xtask.release.swarm.services import Spec

FRONT_FOLDER: Final = "/xtask-front"
SCRIPT: Final = f"{FRONT_FOLDER}/front.py"
GENERATION: Final = "xtask.generation"
PUBLISHED: Final = "xtask.port"
VERSION: Final = "xtask.front"
CURRENT: Final = "1"  # raise it when running fronts must be replaced, at the price of a short gap

_SECOND: Final = 1_000_000_000
_STOP_SECONDS: Final = 20
_RESTART_SECONDS: Final = 2
_TMP_BYTES: Final = 64 << 20


def release(
    deployment: Deployment, *, network: str, secrets: Sequence[Mapping[str, Any]] = ()
) -> Spec:
    """Return the service that runs a deployment, each task on a port that its node chooses."""
    configuration = deployment.configuration
    site = deployment.site
    data = _volume(site, f"{naming.prefix(site)}-data", "/data")
    container = _container(deployment, deployment.environ, [_tmp(), data])
    task = {
        **_task(container, configuration.limits, configuration.placement),
        "RestartPolicy": _restarted(),
        "Networks": [{"Target": network, "Aliases": [naming.alias(deployment)]}],
    }
    container["Secrets"] = list(secrets)
    return {
        "Name": naming.candidate(deployment),
        "Labels": naming.release_labels(deployment, "release"),
        "TaskTemplate": task,
        "Mode": {"Replicated": {"Replicas": configuration.replicas}},
        **_changed_by("start-first"),
        "EndpointSpec": _endpoint(LISTEN_PORT),
    }


def serving(
    deployment: Deployment, *, network: str, volume: str, script: Mapping[str, Any]
) -> Spec:
    """Return the front on the environment's port of every node."""
    site = deployment.site
    container = _container(deployment, {}, [_tmp(), _volume(site, volume, FRONT_FOLDER)])
    container |= {"Command": ["python3", SCRIPT, "serve"], "Configs": [script]}
    labels = {
        **naming.labels(site, "front"),
        naming.IMAGE: deployment.image_digest,
        PUBLISHED: str(site.port),
        VERSION: CURRENT,
    }
    return {
        "Name": f"{naming.prefix(site)}-front-{site.port}",
        "Labels": labels,
        "TaskTemplate": {
            **_task(container, FRONT_LIMITS),
            "RestartPolicy": _restarted(),
            "Networks": [{"Target": network}],
        },
        "Mode": {"Global": {}},
        **_changed_by("stop-first"),  # two tasks cannot have one port of a node
        "EndpointSpec": _endpoint(front.LISTEN_PORT, site.port),
    }


def pointing(
    deployment: Deployment,
    *,
    token: int,
    undone: str | None,
    volume: str,
    script: Mapping[str, Any],
) -> Spec:
    """Return what points the front of every node at a deployment, also of later nodes."""
    site = deployment.site
    where = {
        "host": naming.alias(deployment),
        "port": LISTEN_PORT,
        "release_id": deployment.release_id,
        "published": site.port,
    }
    command = ["python3", SCRIPT, "hold", str(token), json.dumps(where, sort_keys=True)]
    container = _container(deployment, {}, [_volume(site, volume, FRONT_FOLDER)])
    container |= {
        "Command": [*command, undone] if undone else command,
        "Configs": [script],
        "User": "0:0",  # the front's own user can only read the pointer
        "StopGracePeriod": _SECOND,
    }
    labels = {
        **naming.release_labels(deployment, "pointer"),
        GENERATION: str(token),
        PUBLISHED: str(site.port),
    }
    return _everywhere(pointer_name(site), labels, container, _restarted())


def pulling(deployment: Deployment) -> Spec:
    """Return what gets a deployment's image to every node, also to later ones, and ends."""
    container = _container(deployment, {}, [])
    container["Command"] = ["python3", "-S", "-c", ""]
    labels = naming.release_labels(deployment, "pull")
    once = {**_restarted(), "Condition": "none"}
    return _everywhere(f"{naming.candidate(deployment)}-pull", labels, container, once)


def pointer_name(site: Site) -> str:
    """Return the name of the service that says which release has an environment's traffic."""
    return f"{naming.prefix(site)}-pointer"


def pinned(deployment: Deployment) -> str:
    """Return the image's repository with its digest, which is all that a node pulls by."""
    repository, _, tag = deployment.image_reference.partition("@")[0].rpartition(":")
    if not repository or "/" in tag:
        repository = deployment.image_reference.partition("@")[0]
    return f"{repository}@{deployment.image_digest}"


def _everywhere(
    name: str, labels: Mapping[str, str], container: dict[str, Any], restarted: dict[str, Any]
) -> Spec:
    """Return a service without a network, which changes on all nodes at once."""
    at_once = {**_changed_by("stop-first")["UpdateConfig"], "Parallelism": 0}
    return {
        "Name": name,
        "Labels": dict(labels),
        "TaskTemplate": {**_task(container, FRONT_LIMITS), "RestartPolicy": restarted},
        "Mode": {"Global": {}},
        "UpdateConfig": {**at_once, "FailureAction": "continue"},
        "RollbackConfig": {**at_once, "FailureAction": "continue"},
    }


def _task(
    container: dict[str, Any], limits: Limits, placement: Sequence[str] = ()
) -> dict[str, Any]:
    return {
        "ContainerSpec": container,
        "Resources": {
            "Limits": {
                "NanoCPUs": round(limits.cpus * _SECOND),
                "MemoryBytes": limits.memory,
                "Pids": limits.pids,
            }
        },
        "Placement": {"Constraints": list(placement)},
    }


def _container(
    deployment: Deployment, environ: Mapping[str, str], mounts: list[dict[str, Any]]
) -> dict[str, Any]:
    """Return a confined container (CIS Docker Benchmark 5.3, 5.10 to 5.12, 5.25, 5.28)."""
    return {
        "Image": pinned(deployment),
        "Labels": naming.labels(deployment.site),
        "Env": [f"{name}={value}" for name, value in sorted(environ.items())],
        "ReadOnly": True,
        "Init": True,
        "CapabilityDrop": ["ALL"],
        "Privileges": {"NoNewPrivileges": True},
        "Mounts": mounts,
        "StopGracePeriod": _STOP_SECONDS * _SECOND,
        "Healthcheck": {"Test": ["NONE"]},  # what a release answers is asked from outside
    }


def _tmp() -> dict[str, Any]:
    options = {"SizeBytes": _TMP_BYTES, "Mode": 0o1777}
    return {"Type": "tmpfs", "Target": "/tmp", "TmpfsOptions": options}  # noqa: S108 - inside the container


def _volume(site: Site, name: str, target: str) -> dict[str, Any]:
    labels = naming.labels(site, "data")
    options = {"Labels": labels, "DriverConfig": {"Name": "local"}}
    return {"Type": "volume", "Source": name, "Target": target, "VolumeOptions": options}


def _restarted() -> dict[str, Any]:
    return {
        "Condition": "any",
        "Delay": _RESTART_SECONDS * _SECOND,
        "MaxAttempts": 0,
        "Window": 0,
    }


def _changed_by(order: str) -> dict[str, Any]:
    """Return how a service changes, and goes back, should anybody change it: one task at a time."""
    options = {
        "Parallelism": 1,
        "Delay": 0,
        "FailureAction": "pause",
        "Monitor": 5 * _SECOND,
        "MaxFailureRatio": 0,
        "Order": order,
    }
    return {"UpdateConfig": options, "RollbackConfig": options}


def _endpoint(inner: int, published: int | None = None) -> dict[str, Any]:
    port: dict[str, Any] = {"Protocol": "tcp", "TargetPort": inner, "PublishMode": "host"}
    if published is not None:
        port["PublishedPort"] = published
    return {"Mode": "dnsrr", "Ports": [port]}
