"""Target `docker`: blue/green on one Docker Engine, behind a front that never stops.

The candidate runs beside the serving release, on a loopback port that the engine chooses, until it
is healthy and says that it is this release. One rename then gives it the front's new connections.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from xtask.errors import TargetError
from xtask.release import health, naming, steps
from xtask.release.deployment import Observed
from xtask.release.docker import containers, fronting, migrating
from xtask.release.docker.engine import absence_allowed, engine, ensure_image, find_image
from xtask.release.docker.migrating import migrate

if TYPE_CHECKING:
    from docker import DockerClient  # type: ignore[import-untyped]
    from docker.models.containers import Container  # type: ignore[import-untyped]

    from xtask.release.deployment import Deployment, Failed, Request, Site
    from xtask.release.target import Capability

__all__ = ["apply", "capabilities", "migrate", "name", "observe", "plan", "remove", "switch"]

name: Final = "docker"
capabilities: Final[frozenset[Capability]] = frozenset(
    {"configuration", "limits", "way back", "migrations"}
)

_SWITCH_SECONDS: Final = 15.0
_DRAIN_SECONDS: Final = 1.0
_STOP_SECONDS: Final = 20
_FRONT_HELP: Final = "traffic may have moved: look with `xtask status`, then `xtask resume`"


def plan(deployment: Deployment, /) -> tuple[str, ...]:
    """Return what would be done, as the engine is now.

    Raises:
        TargetError: the engine cannot be asked.
    """
    site = deployment.site
    with engine(f"looking at {site.environment} of {site.app}") as client:
        has_image = find_image(client, deployment) is not None
        candidate = containers.find_release(client, deployment)
        serving = fronting.pointer(client, site)
        has_front = any(
            fronting.published(each) == site.port for each in fronting.find(client, site)
        )
    found = [] if has_image else [f"load {deployment.image_reference} into the engine"]
    found += [] if has_front else [f"make the front on port {site.port}"]
    found.append(f"{'adopt' if candidate else 'start'} {naming.candidate(deployment)}")
    return *found, steps.switching(serving, deployment)


def apply(
    deployment: Deployment,
    /,
    *,
    undoing: Failed | None = None,
    clock: health.Clock = health.SYSTEM_CLOCK,
) -> None:
    """Run the deployment beside what serves; return when it is healthy and named right.

    A container of the same release left by an interrupted run is adopted. A candidate that does not
    become healthy is removed. The front is made here too: a taken port shows before anything moves.
    On a new port it is made beside the serving one, which `remove` takes away. What served before
    `undoing` runs already, as a rule: it is looked at, and started again where it has ended.

    Raises:
        RefusedError: something newer serves.
        TargetError: the engine refuses, or the candidate exits, stays unready, is another release.
        UntrustedError: the engine made another image from the archive.
    """
    image = ensure_image(deployment)
    with engine(f"running {deployment.release_id}") as client:
        serving = fronting.pointer(client, deployment.site)
        fronting.refuse_past(serving, deployment, undoing)
        containers.ensure_network(client, deployment)
        fronting.ensure(client, deployment, image)
        candidate = containers.ensure_release(client, deployment, image)
        try:
            containers.start_healthy(candidate, deployment, clock=clock)
        except Exception:
            if steps.is_disposable(serving, deployment, undoing):
                candidate.remove(force=True, v=True)
            raise
        containers.keep_running(candidate)


def switch(
    deployment: Deployment,
    /,
    *,
    undoing: Failed | None = None,
    clock: health.Clock = health.SYSTEM_CLOCK,
) -> None:
    """Send traffic to the deployment; return when its environment's port answers with it.

    A release that serves, or was about to, is undone with its predecessor as the deployment and
    itself as `undoing`. From then on the front refuses to be switched to it.

    Raises:
        RefusedError: something newer serves.
        TargetError: the deployment was not applied, or the port does not answer with it.
    """
    with engine(f"switching to {deployment.release_id}") as client:
        candidate = _applied(client, deployment)
        running = fronting.ensure(client, deployment, candidate.attrs["Image"], renew=True)
        port = containers.inner_port(candidate)
        fronting.point(running, deployment, port=port, undoing=undoing)
        front = health.at(deployment.site.port)
        try:
            health.wait_until(
                lambda: health.misidentified(front, deployment),
                within=_SWITCH_SECONDS,
                clock=clock,
            )
        except TargetError as error:
            subject = f"the front on port {deployment.site.port}"
            raise containers.with_log(subject, error, running, help=_FRONT_HELP) from error


def observe(site: Site, /, requests: tuple[Request, ...] = ()) -> Observed | None:
    """Return what answers on the environment's port, and beside it what the engine believes.

    An engine that cannot be asked takes away its own facts, and no other.
    """
    answers = health.observe(health.at(site.port), site.app, requests)
    label, image, started = _believed(site)
    if answers is None and label == "":
        return None
    seen = answers or Observed("", "", healthy=False, detail="nothing answers")
    return replace(seen, label=label, task_digest=image, started=started)


def remove(
    site: Site,
    /,
    keep: frozenset[str],
    *,
    clock: health.Clock = health.SYSTEM_CLOCK,
) -> None:
    """Stop and remove the environment's releases other than `keep`, and fronts without their port.

    With an empty `keep` the environment ends: front, network and pointer go too, its data stays.

    Raises:
        TargetError: traffic still goes to a release that would be removed; nothing was stopped.
    """
    with engine(f"cleaning {site.environment} of {site.app}") as client:
        serving = fronting.pointer(client, site)
        if keep and serving is not None and serving.release_id not in keep:
            raise steps.still_serving(site, serving.release_id)
        migrating.end(client, site)
        _stop_others(client, site, keep=keep, clock=clock)
        if serving is not None:
            fronting.remove_others(client, site, port=serving.port)
        if not keep:
            containers.dismantle(client, site)


def _believed(site: Site) -> tuple[str | None, str | None, str]:
    """Return the release that gets the traffic, the image of its task, and when that was started.

    All as the engine says.
    """
    try:
        with engine(f"looking at {site.environment} of {site.app}") as client:
            serving = containers.find_serving(client, site)
    except TargetError:
        return None, None, ""
    if serving is None:
        return "", "", ""
    image = str(serving.attrs["Image"]) if serving.status == "running" else ""
    label = str(serving.labels.get(naming.RELEASE, ""))
    return label, image, str(serving.attrs["State"]["StartedAt"])


def _applied(client: DockerClient, deployment: Deployment) -> Container:
    found = containers.find_release(client, deployment)
    if found is None or found.status != "running":
        raise steps.not_applied(deployment)
    return found


def _stop_others(
    client: DockerClient, site: Site, *, keep: frozenset[str], clock: health.Clock
) -> None:
    """Give requests that the front has just handed over time to arrive, then stop and remove."""
    wanted = naming.selecting(naming.labels(site, "release"))
    found = client.containers.list(all=True, filters=wanted)
    others = [each for each in found if each.labels.get(naming.RELEASE) not in keep]
    if any(each.status == "running" for each in others):
        clock.sleep(_DRAIN_SECONDS)
    for each in sorted(others, key=lambda container: str(container.name)):
        with absence_allowed():
            each.stop(timeout=_STOP_SECONDS)
            each.remove(force=True, v=True)
