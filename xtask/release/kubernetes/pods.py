"""The pods of a release, confined as the Pod Security Standard `restricted` and CIS 5.2 want them.

<https://kubernetes.io/docs/concepts/security/pod-security-standards/>
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from xtask.errors import UsageError
from xtask.image.base.rootfs import APP_ID
from xtask.release import naming
from xtask.release.deployment import LISTEN_PORT, READY_PATH, SECRETS_FOLDER
from xtask.release.kubernetes import names

if TYPE_CHECKING:
    from xtask.release.deployment import Deployment, Limits

PORT_NAME: Final = "http"
DATA_PATH: Final = "/data"

_HOST: Final = "kubernetes.io/hostname"
_TMP_SIZE: Final = "64Mi"
DATA_SIZE: Final = "1Gi"
# Routers go on sending for a moment to a pod that is about to end; then it ends what it has begun.
_DRAIN_SECONDS: Final = 5
_GRACE_SECONDS: Final = 30
_RESERVED_SHARE: Final = 0.1  # of the processors that it may take: more is rarely needed


def pod(deployment: Deployment, *, config_map: str | None, secret: str | None) -> dict[str, Any]:
    """Return the pod template of a release.

    Args:
        deployment: the release.
        config_map: where its variables are, if it has any.
        secret: where the values of its secrets are, if it has any.
    """
    spec: dict[str, Any] = {
        "serviceAccountName": names.service(deployment.site),
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,  # the variables of neighbours are no settings of ours
        "terminationGracePeriodSeconds": _GRACE_SECONDS,
        "securityContext": _pod_security(),
        "containers": [_container(deployment, config_map=config_map, secret=secret)],
        "volumes": _volumes(deployment, secret=secret),
        "topologySpreadConstraints": [_spread(deployment)],
    }
    if affinity := _affinity(deployment):
        spec["affinity"] = affinity
    return {
        "metadata": {
            "labels": names.release_labels(deployment),
            "annotations": {naming.IMAGE: deployment.image_digest},
        },
        "spec": spec,
    }


def keeps_data(deployment: Deployment) -> bool:
    """Return whether its data outlives its pods: only one pod can have the disk for itself."""
    return deployment.configuration.replicas == 1


def _container(
    deployment: Deployment, *, config_map: str | None, secret: str | None
) -> dict[str, Any]:
    shared = deployment.configuration.variables
    own = {key: value for key, value in deployment.environ.items() if key not in shared}
    mounts: list[dict[str, Any]] = [
        {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - inside the container
        {"name": "data", "mountPath": DATA_PATH},
    ]
    if secret:
        mounts.append({"name": "secrets", "mountPath": SECRETS_FOLDER, "readOnly": True})
    container: dict[str, Any] = {
        "name": "app",
        "image": naming.pinned(deployment),
        "imagePullPolicy": "IfNotPresent",
        "env": [{"name": key, "value": value} for key, value in sorted(own.items())],
        "ports": [{"name": PORT_NAME, "containerPort": LISTEN_PORT, "protocol": "TCP"}],
        "resources": _resources(deployment.configuration.limits),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
            "runAsNonRoot": True,
        },
        "volumeMounts": mounts,
        "lifecycle": {"preStop": {"sleep": {"seconds": _DRAIN_SECONDS}}},
        **_probes(deployment.configuration.ready_within),
    }
    if config_map:
        container["envFrom"] = [{"configMapRef": {"name": config_map}}]
    return container


def _probes(ready_within: float) -> dict[str, Any]:
    """Return how the kubelet looks at a pod.

    Whether it lives is not asked at `/readyz`: a database that is away would restart all of them.
    """
    ready = {"httpGet": {"path": READY_PATH, "port": PORT_NAME}}
    return {
        "startupProbe": {**ready, "periodSeconds": 1, "failureThreshold": math.ceil(ready_within)},
        "readinessProbe": {**ready, "periodSeconds": 2, "failureThreshold": 2},
        "livenessProbe": {
            "tcpSocket": {"port": PORT_NAME},
            "periodSeconds": 10,
            "failureThreshold": 3,
        },
    }


def _resources(limits: Limits) -> dict[str, Any]:
    """Return limits and what is reserved: memory whole, since nobody gives it back."""
    memory = str(limits.memory)
    reserved = round(limits.cpus * _RESERVED_SHARE * 1000) or 1
    return {
        "limits": {"memory": memory, "cpu": f"{round(limits.cpus * 1000)}m"},
        "requests": {"memory": memory, "cpu": f"{reserved}m"},
    }


def _pod_security() -> dict[str, Any]:
    return {
        "runAsNonRoot": True,
        "runAsUser": APP_ID,
        "runAsGroup": APP_ID,
        "fsGroup": APP_ID,
        "fsGroupChangePolicy": "OnRootMismatch",
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def _volumes(deployment: Deployment, *, secret: str | None) -> list[dict[str, Any]]:
    data: dict[str, Any] = {"emptyDir": {"sizeLimit": DATA_SIZE}}
    if keeps_data(deployment):
        data = {"persistentVolumeClaim": {"claimName": names.data_claim(deployment.site)}}
    tmp = {"emptyDir": {"medium": "Memory", "sizeLimit": _TMP_SIZE}}
    volumes = [{"name": "tmp", **tmp}, {"name": "data", **data}]
    if secret:
        files = {"secretName": secret, "defaultMode": 0o440}
        volumes.append({"name": "secrets", "secret": files})
    return volumes


def _spread(deployment: Deployment) -> dict[str, Any]:
    return {
        "maxSkew": 1,
        "topologyKey": _HOST,
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": names.release_labels(deployment)},
    }


def _affinity(deployment: Deployment) -> dict[str, Any]:
    """Return where it may run: at the disk that it shares with its predecessor, on chosen nodes."""
    affinity: dict[str, Any] = {}
    if keeps_data(deployment):
        beside = {
            "labelSelector": {"matchLabels": names.labels(deployment.site, "release")},
            "topologyKey": _HOST,
        }
        affinity["podAffinity"] = {"requiredDuringSchedulingIgnoredDuringExecution": [beside]}
    if terms := [_term(words) for words in deployment.configuration.placement]:
        required = {"nodeSelectorTerms": [{"matchExpressions": terms}]}
        affinity["nodeAffinity"] = {"requiredDuringSchedulingIgnoredDuringExecution": required}
    return affinity


def _term(words: str) -> dict[str, Any]:
    """Return what a node's labels have to be: `key=value`, or `key!=value`."""
    key, sign, value = words.partition("!=") if "!=" in words else words.partition("=")
    key, value = key.strip(), value.removeprefix("=").strip()
    if not (key and sign and value):
        raise UsageError(
            f"`{words}` is no placement on Kubernetes",
            help="write a label of nodes: `topology.kubernetes.io/zone=a`, or `!=`",
        )
    return {"key": key, "operator": "NotIn" if sign == "!=" else "In", "values": [value]}
