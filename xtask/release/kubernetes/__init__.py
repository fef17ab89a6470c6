"""Target `kubernetes`: a Deployment for each release, and a Service that selects one of them.

What is asked of a release goes through the API server, so nothing of the cluster has to be open.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from xtask.errors import TargetError
from xtask.release import health, naming, steps
from xtask.release.deployment import Observed
from xtask.release.kubernetes import names, objects, rollout, traffic
from xtask.release.kubernetes.cluster import cluster

if TYPE_CHECKING:
    from collections.abc import Iterable

    from xtask.release.deployment import Deployment, Failed, Request, Site
    from xtask.release.kubernetes.cluster import Cluster
    from xtask.release.target import Capability

name: Final = "kubernetes"
capabilities: Final[frozenset[Capability]] = frozenset(
    {"configuration", "limits", "replicas", "placement", "context", "way back"}
)

_SWITCH_SECONDS: Final = 15.0
_HELP: Final = "traffic may have moved: look with `xtask status`, then `xtask resume`"
_OF_RELEASE: Final = ("Deployment", "Secret")
_OF_SITE: Final = ("Service", "PodDisruptionBudget", "NetworkPolicy", "ServiceAccount")


def plan(deployment: Deployment, /) -> tuple[str, ...]:
    """Return what would be done, as the cluster is now; it has said that it would accept that.

    Raises:
        TargetError: the cluster cannot be asked, would refuse, or has drifted.
    """
    site = deployment.site
    with cluster(site, f"looking at {site.environment} of {site.app}") as api:
        has_namespace = api.find("Namespace", api.namespace) is not None
        serving = traffic.held(api, site)
        found = [] if has_namespace else [f"make the namespace {api.namespace}"]
        for each in objects.without_secrets(deployment):
            if has_namespace and not _is_kept(api, each):
                api.apply(each, dry_run=True)
            found.append(f"apply {each['kind']} {each['metadata']['name']}")
    return *found, steps.switching(serving, deployment)


def apply(
    deployment: Deployment,
    /,
    *,
    undoing: Failed | None = None,
    clock: health.Clock = health.SYSTEM_CLOCK,
) -> None:
    """Run the deployment beside what serves; return when all of its pods are ready and right.

    Applying what an interrupted run left changes nothing. A candidate that does not become ready is
    removed. What served before `undoing` runs already, as a rule, and is made again where it is
    gone.

    Raises:
        RefusedError: something newer serves.
        TargetError: the cluster refuses, somebody else owns a field, or the candidate exits, stays
            unready, cannot be pulled, is another release.
        UntrustedError: a node runs another image.
    """
    site = deployment.site
    with cluster(site, f"running {deployment.release_id}") as api:
        serving = traffic.held(api, site)
        traffic.refuse_past(serving, deployment, undoing)
        _make(api, deployment, closed=serving is None)
        try:
            rollout.Rollout(api, deployment).await_ready(clock)
        except Exception:
            if steps.is_disposable(serving, deployment, undoing):
                for kind in _OF_RELEASE:
                    api.delete(kind, names.of_release(deployment))
            raise


def switch(
    deployment: Deployment,
    /,
    *,
    undoing: Failed | None = None,
    clock: health.Clock = health.SYSTEM_CLOCK,
) -> None:
    """Let the Service select the deployment; return when all endpoints are its pods and say so.

    Raises:
        RefusedError: something newer serves.
        TargetError: the deployment was not applied, or does not get the traffic.
    """
    site = deployment.site
    with cluster(site, f"switching to {deployment.release_id}") as api:
        if not rollout.ready_pods(api, deployment):
            raise steps.not_applied(deployment)
        traffic.point(api, deployment, undoing)
        try:
            health.wait_until(
                lambda: traffic.undelivered(api, deployment), within=_SWITCH_SECONDS, clock=clock
            )
        except TargetError as error:
            raise TargetError(error.message, help=_HELP) from error


def observe(site: Site, /, requests: tuple[Request, ...] = ()) -> Observed | None:
    """Return what answers behind the Service, and beside it what the cluster believes.

    All of it is asked through the cluster: without that nothing is known.
    """
    try:
        with cluster(site, f"looking at {site.environment} of {site.app}") as api:
            serving = traffic.held(api, site)
            if serving is None or not serving.release_id:
                return None
            wanted = names.labels(site, "release") | {naming.RELEASE: serving.release_id}
            pods = {each["metadata"]["name"]: each for each in api.list("Pod", wanted).items}
            receiving = [each for each in traffic.receiving(api, site) if each in pods]
            seen = _worst(health.observe(api.ask(each), site.app, requests) for each in receiving)
            images = sorted({rollout.image_of(pods[each]) for each in receiving})
            return replace(
                seen,
                label=serving.release_id,
                task_digest=", ".join(images),
                started=f"{rollout.restarts(pods.values())} restarts",
            )
    except TargetError as error:
        return Observed("", "", healthy=False, detail=error.message)


def remove(site: Site, /, keep: frozenset[str]) -> None:
    """Remove the environment's releases other than `keep`, and variables that none needs any more.

    With an empty `keep` all of it ends but its namespace, in which others may have something, and
    its data.

    Raises:
        TargetError: traffic still goes to a release that would be removed; nothing was removed.
    """
    with cluster(site, f"cleaning {site.environment} of {site.app}") as api:
        serving = traffic.held(api, site)
        release_id = serving.release_id if serving else ""
        if keep and release_id and release_id not in keep:
            raise steps.still_serving(site, release_id)
        for kind in () if keep else _OF_SITE:
            api.delete(kind, names.service(site))
        _remove_others(api, site, keep=keep)


def _make(api: Cluster, deployment: Deployment, *, closed: bool) -> None:
    """Apply everything that runs the deployment, and the Service if there is none yet."""
    site = deployment.site
    if api.find("Namespace", api.namespace) is None:
        api.apply(objects.namespace(site))
    for each in objects.of_environment(deployment):
        if not _is_kept(api, each):
            api.apply(each)
    if closed:
        api.apply(objects.service(site, objects.CLOSED))
    for each in objects.of_release(deployment):
        _make_way(api, each)
        api.apply(each)


def _is_kept(api: Cluster, manifest: objects.Manifest) -> bool:
    """Return whether an object stays as it is: a disk that somebody has made larger."""
    if (kind := manifest["kind"]) != "PersistentVolumeClaim":
        return False
    return api.find(kind, manifest["metadata"]["name"]) is not None


def _make_way(api: Cluster, manifest: objects.Manifest) -> None:
    """Delete a Secret with other values: they have changed since, and it cannot be."""
    if manifest["kind"] == "Secret":
        found = api.find("Secret", manifest["metadata"]["name"])
        if found is not None and found.get("data") != manifest["data"]:
            api.delete("Secret", manifest["metadata"]["name"])


def _worst(seen: Iterable[Observed | None]) -> Observed:
    """Return what answers for all of them: the first that is not well, if one is not."""
    nothing = Observed("", "", healthy=False, detail="nothing answers")
    every = [each or nothing for each in seen] or [nothing]
    return next((each for each in every if not each.healthy), every[0])


def _remove_others(api: Cluster, site: Site, *, keep: frozenset[str]) -> None:
    used = set()
    for kind in _OF_RELEASE:
        for each in api.list(kind, names.labels(site, "release")).items:
            if each["metadata"]["labels"].get(naming.RELEASE) not in keep:
                api.delete(kind, each["metadata"]["name"])
            elif kind == "Deployment":
                used |= objects.variables_of(each)
    for each in api.list("ConfigMap", names.labels(site, "variables")).items:
        if each["metadata"]["name"] not in used:
            api.delete("ConfigMap", each["metadata"]["name"])
