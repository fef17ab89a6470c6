"""The Service of an environment: to which release its traffic goes, and who may change that.

One server-side apply moves it. The version of the Service that was read goes along, so that of two
deployers only one can; its generation says which of them has to give way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from xtask.errors import TargetError
from xtask.release import health, naming
from xtask.release.fencing import Pointer, gives_way, is_past, overtaken
from xtask.release.kubernetes import names, objects, rollout
from xtask.release.kubernetes.refusals import Outdated

if TYPE_CHECKING:
    from xtask.errors import RefusedError
    from xtask.release.deployment import Deployment, Failed, Site
    from xtask.release.kubernetes.cluster import Cluster

_ATTEMPTS: Final = 10
_SERVICE_NAME: Final = "kubernetes.io/service-name"


class Held(NamedTuple):
    """Where the Service sends traffic, and the version of it that says so."""

    pointer: Pointer
    version: str

    @property
    def release_id(self) -> str:
        """The release that is selected, empty before the first switch."""
        return "" if self.pointer == objects.CLOSED else self.pointer.release_id


def held(api: Cluster, site: Site) -> Held | None:
    """Return where the traffic goes, `None` when there is no Service of ours."""
    found = api.find("Service", names.service(site))
    if found is None:
        return None
    metadata, selector = found["metadata"], found["spec"].get("selector") or {}
    generation = (metadata.get("annotations") or {}).get(names.GENERATION, "0")
    release_id = selector.get(naming.RELEASE, names.NONE)
    number = int(generation) if generation.isdigit() else 0
    return Held(Pointer(release_id, number), str(metadata["resourceVersion"]))


def refuse_past(serving: Held | None, deployment: Deployment, undoing: Failed | None) -> None:
    """Raise RefusedError when what serves is newer than a deployment, or of another history."""
    if serving is not None and is_past(serving.pointer, deployment, undoing):
        raise _overtaken(serving, deployment)


def point(api: Cluster, deployment: Deployment, undoing: Failed | None) -> None:
    """Let the Service select the deployment.

    Raises:
        RefusedError: something newer serves.
        TargetError: there is no Service, or somebody else owns its fields.
    """
    wanted = Pointer(deployment.release_id, (undoing or deployment).generation)
    for _ in range(_ATTEMPTS):
        serving = held(api, deployment.site)
        if serving is None:
            raise TargetError(
                f"{deployment.site.environment} has no Service", help="promote it again"
            )
        if not gives_way(serving.pointer, wanted, undoing):
            raise _overtaken(serving, deployment)
        try:
            api.apply(objects.service(deployment.site, wanted, version=serving.version))
        except Outdated:
            continue
        return
    raise TargetError(
        f"the Service {names.service(deployment.site)} changes all the time",
        help="find out who changes it: `kubectl get service --show-managed-fields`",
    )


def receiving(api: Cluster, site: Site) -> tuple[str, ...]:
    """Return the pods to which the Service sends traffic, by name."""
    slices = api.list("EndpointSlice", {_SERVICE_NAME: names.service(site)})
    found = {
        endpoint["targetRef"]["name"]
        for each in slices.items
        for endpoint in each.get("endpoints") or ()
        if (endpoint.get("conditions") or {}).get("ready", True) and endpoint.get("targetRef")
    }
    return tuple(sorted(found))


def undelivered(api: Cluster, deployment: Deployment) -> str | None:
    """Return `None` when all traffic goes to the deployment and it answers, else what is not so.

    Raises:
        RefusedError: the Service was moved on meanwhile.
    """
    serving = held(api, deployment.site)
    if serving is not None and serving.release_id != deployment.release_id:
        raise _overtaken(serving, deployment)
    wanted = {each["metadata"]["name"] for each in rollout.ready_pods(api, deployment)}
    found = set(receiving(api, deployment.site))
    if not found or found != wanted:
        names_found = ", ".join(sorted(found)) or "no pod"
        return f"traffic goes to {names_found}, not to {', '.join(sorted(wanted)) or 'any'}"
    asked = (health.misidentified(api.ask(pod), deployment) for pod in sorted(found))
    return next((wrong for wrong in asked if wrong), None)


def _overtaken(serving: Held, deployment: Deployment) -> RefusedError:
    site = deployment.site
    service = f"--namespace {names.namespace(site)} delete service {names.service(site)}"
    return overtaken(deployment, serving.pointer, ends=f"`kubectl {service}`")
