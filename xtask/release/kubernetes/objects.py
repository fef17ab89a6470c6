"""Every object of an environment on Kubernetes, as the JSON value that is applied."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any, Final

from xtask.digest import canonical_json
from xtask.release import naming
from xtask.release.fencing import Pointer
from xtask.release.kubernetes import names, pods

if TYPE_CHECKING:
    from xtask.release.deployment import Deployment, Site

Manifest = dict[str, Any]

_PROFILE: Final = "restricted"
# Cloud machines give credentials to whoever asks there.
_METADATA_ADDRESSES: Final = {"0.0.0.0/0": "169.254.169.254/32", "::/0": "fd00:ec2::254/128"}


CLOSED: Final = Pointer(names.NONE, 0)


def namespace(site: Site) -> Manifest:
    """Return the namespace, which refuses pods that are not confined."""
    levels = {
        f"pod-security.kubernetes.io/{mode}": _PROFILE for mode in ("enforce", "audit", "warn")
    }
    labels = names.labels(site) | levels
    return _object("v1", "Namespace", {"name": names.namespace(site), "labels": labels})


def service_account(site: Site) -> Manifest:
    """Return an account that can do nothing and that no pod gets a token of."""
    account = _of_site("v1", "ServiceAccount", site, names.service(site))
    return account | {"automountServiceAccountToken": False}


def network_policy(site: Site) -> Manifest:
    """Return who may talk with pods: anybody with their port, they with all but metadata."""
    anywhere = [
        {"ipBlock": {"cidr": cidr, "except": [kept]}} for cidr, kept in _METADATA_ADDRESSES.items()
    ]
    policy = _of_site("networking.k8s.io/v1", "NetworkPolicy", site, names.service(site))
    policy["spec"] = {
        "podSelector": {"matchLabels": names.labels(site, "release")},
        "policyTypes": ["Ingress", "Egress"],
        "ingress": [{"ports": [{"port": pods.PORT_NAME, "protocol": "TCP"}]}],
        "egress": [{"to": anywhere}],
    }
    return policy


def disruption_budget(site: Site) -> Manifest:
    """Return that one pod at a time may be moved: that holds for one of them, and for many."""
    budget = _of_site("policy/v1", "PodDisruptionBudget", site, names.service(site))
    budget["spec"] = {
        "maxUnavailable": 1,
        "selector": {"matchLabels": names.labels(site, "release")},
    }
    return budget


def data_claim(site: Site) -> Manifest:
    """Return the disk of an environment; it stays when the environment ends."""
    claim = _of_site("v1", "PersistentVolumeClaim", site, names.data_claim(site))
    claim["spec"] = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": pods.DATA_SIZE}},
    }
    return claim


def config_map(deployment: Deployment) -> Manifest | None:
    """Return the variables of a release, `None` when there are none; equal ones are shared."""
    if not (variables := dict(sorted(deployment.configuration.variables.items()))):
        return None
    labels = names.labels(deployment.site, "variables")
    name = names.of_content("variables", canonical_json([labels, variables]))
    made = _of_site("v1", "ConfigMap", deployment.site, name, labels)
    return made | {"data": variables, "immutable": True}


def secret(deployment: Deployment) -> Manifest | None:
    """Return the secrets of a release, `None` when it has none.

    Its name is the release's: a digest of something short in a name would give it away.
    """
    if not deployment.configuration.secrets:
        return None
    name, labels = names.of_release(deployment), names.release_labels(deployment)
    values = {
        key: base64.b64encode(deployment.secrets[key]).decode()
        for key in sorted(deployment.configuration.secrets)
    }
    made = _of_site("v1", "Secret", deployment.site, name, labels)
    return made | {"type": "Opaque", "data": values, "immutable": True}


def workload(deployment: Deployment, *, secret_name: str | None = None) -> Manifest:
    """Return the Deployment of a release.

    Args:
        deployment: the release.
        secret_name: the Secret with its secrets, unless that is its own.
    """
    variables = config_map(deployment)
    held = (secret_name or names.of_release(deployment)) if deployment.configuration.secrets else ""
    template = pods.pod(
        deployment,
        config_map=variables["metadata"]["name"] if variables else None,
        secret=held or None,
    )
    labels = names.release_labels(deployment)
    made = _of_site("apps/v1", "Deployment", deployment.site, names.of_release(deployment), labels)
    made["metadata"]["annotations"] = {
        naming.IMAGE: deployment.image_digest,
        names.GENERATION: str(deployment.generation),
    }
    made["spec"] = {
        "replicas": deployment.configuration.replicas,
        "progressDeadlineSeconds": max(1, round(deployment.configuration.ready_within)),
        "strategy": {
            "type": "RollingUpdate",
            "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1},
        },
        "selector": {"matchLabels": labels},
        "template": template,
    }
    return made


def service(site: Site, to: Pointer, *, version: str | None = None) -> Manifest:
    """Return the Service that sends the traffic of an environment to a release.

    Args:
        site: the environment.
        to: the release, and on whose behalf.
        version: refuse to replace any other version of the Service than this one.
    """
    made = _of_site("v1", "Service", site, names.service(site))
    made["metadata"]["annotations"] = {names.GENERATION: str(to.generation)}
    if version is not None:
        made["metadata"]["resourceVersion"] = version
    port = {
        "name": pods.PORT_NAME, "port": site.port, "targetPort": pods.PORT_NAME, "protocol": "TCP",
    }  # fmt: skip
    made["spec"] = {
        "type": "ClusterIP",
        "selector": names.labels(site, "release") | {naming.RELEASE: to.release_id},
        "ports": [port],
    }
    return made


def variables_of(workload: Manifest) -> set[str]:
    """Return the ConfigMaps that the pods of a Deployment read."""
    containers = workload["spec"]["template"]["spec"]["containers"]
    sources = [source for each in containers for source in each.get("envFrom") or ()]
    return {source["configMapRef"]["name"] for source in sources if "configMapRef" in source}


def of_environment(deployment: Deployment) -> tuple[Manifest, ...]:
    """Return what every release of an environment needs there, in the order to make it."""
    site = deployment.site
    kept = (data_claim(site),) if pods.keeps_data(deployment) else ()
    return service_account(site), network_policy(site), disruption_budget(site), *kept


def of_release(deployment: Deployment) -> tuple[Manifest, ...]:
    """Return what runs a release, in the order to make it."""
    made = config_map(deployment), secret(deployment), workload(deployment)
    return tuple(each for each in made if each is not None)


def without_secrets(deployment: Deployment) -> tuple[Manifest, ...]:
    """Return everything that a release needs but the values that only its pods may see."""
    made = config_map(deployment), workload(deployment)
    return (*of_environment(deployment), *(each for each in made if each is not None))


def _of_site(
    version: str, kind: str, site: Site, name: str, labels: dict[str, str] | None = None
) -> Manifest:
    metadata = {"name": name, "namespace": names.namespace(site)}
    return _object(version, kind, {**metadata, "labels": labels or names.labels(site)})


def _object(version: str, kind: str, metadata: dict[str, Any]) -> Manifest:
    labels = {"app.kubernetes.io/managed-by": names.MANAGER, **metadata["labels"]}
    return {"apiVersion": version, "kind": kind, "metadata": metadata | {"labels": labels}}
