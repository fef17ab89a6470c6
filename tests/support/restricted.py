"""What the Pod Security Standard `restricted` and CIS Kubernetes 5 want of a pod, as a check.

<https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted>
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_VOLUMES = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "projected", "secret"}
_VOLUMES |= {"persistentVolumeClaim"}


def violations(spec: dict[str, Any]) -> list[str]:
    """Return what of a pod's spec the profile refuses."""
    found = [f"{key} is set" for key in ("hostNetwork", "hostPID", "hostIPC") if spec.get(key)]
    found += [
        f"volume {volume['name']} is of the host"
        for volume in spec.get("volumes", ())
        if not _VOLUMES & set(volume)
    ]
    for container in (*spec.get("initContainers", ()), *spec["containers"]):
        found += [f"{container['name']}: {wrong}" for wrong in _of_container(spec, container)]
    return found


def _of_container(spec: dict[str, Any], container: dict[str, Any]) -> Iterator[str]:
    pod, own = spec.get("securityContext", {}), container.get("securityContext", {})
    both = pod | own
    if own.get("privileged"):
        yield "privileged"
    if own.get("allowPrivilegeEscalation") is not False:
        yield "allowPrivilegeEscalation is not false"
    if "ALL" not in own.get("capabilities", {}).get("drop", ()):
        yield "capabilities are not dropped"
    if set(own.get("capabilities", {}).get("add", ())) - {"NET_BIND_SERVICE"}:
        yield "capabilities are added"
    if both.get("runAsNonRoot") is not True or both.get("runAsUser") == 0:
        yield "may run as root"
    if both.get("seccompProfile", {}).get("type") not in {"RuntimeDefault", "Localhost"}:
        yield "no seccomp profile"
    if any("hostPort" in port for port in container.get("ports", ())):
        yield "a port of the host"
