"""Target `swarm`: blue/green on a Docker Swarm, behind a front on every node that never stops.

The candidate is a service beside the serving one. Its tasks are asked one by one, at ports that
their nodes choose, until they are healthy and say that they are this release. One more service then
replaces the pointer of the front on every node. Nothing that Swarm believes of updates is used.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple

from xtask.errors import TargetError
from xtask.release import health, naming, steps
from xtask.release.deployment import Observed
from xtask.release.swarm import belongings, candidates, fronting, services, specs
from xtask.release.swarm.managers import managers

if TYPE_CHECKING:
    from xtask.release.deployment import Deployment, Failed, Request, Site
    from xtask.release.swarm.managers import Found
    from xtask.release.target import Capability

name: Final = "swarm"
capabilities: Final[frozenset[Capability]] = frozenset(
    {"configuration", "limits", "replicas", "placement", "managers", "way back"}
)

_ASKED_AT_ONCE: Final = 16


def plan(deployment: Deployment, /) -> tuple[str, ...]:
    """Return what would be done, as the swarm is now.

    Raises:
        TargetError: no manager can be asked.
    """
    site = deployment.site
    with managers(site, f"looking at {site.environment} of {site.app}") as asked:
        candidate = candidates.find(asked, deployment)
        serving = fronting.pointer(asked, site)
        ports = {services.label(each, specs.PUBLISHED) for each in fronting.find(asked, site)}
        nodes = sorted(node.name for node in services.nodes(asked).values())
    found = [f"pull {specs.pinned(deployment)} on {', '.join(nodes)}"]
    found += [] if str(site.port) in ports else [f"make the front on port {site.port} of each"]
    found.append(f"{'adopt' if candidate else 'start'} {naming.candidate(deployment)}")
    return *found, steps.switching(serving, deployment)


def apply(
    deployment: Deployment,
    /,
    *,
    undoing: Failed | None = None,
    clock: health.Clock = health.SYSTEM_CLOCK,
) -> None:
    """Run the deployment beside what serves; return when every task is healthy and named right.

    A service of the same release left by an interrupted run is adopted. A candidate that does not
    become healthy is removed. The front is made here too: a taken port shows before anything moves.
    What served before `undoing` is brought back as it is; no registry is asked for it.

    Raises:
        RefusedError: something newer serves.
        TargetError: no manager answers, a node cannot get the image, or a task ends, stays unready,
            or is another release.
    """
    with managers(deployment.site, f"running {deployment.release_id}", clock=clock) as asked:
        serving = fronting.pointer(asked, deployment.site)
        fronting.refuse_past(serving, deployment, undoing)
        if undoing is None:
            candidates.pull(asked, deployment)
        network = belongings.ensure_network(asked, deployment.site)
        front = fronting.ensure(asked, deployment, network)
        try:
            service, past = candidates.ensure(asked, deployment, network)
            fronting.wait_running(asked, front)
            candidates.wait_healthy(asked, service, deployment, past)
        except Exception:
            if steps.is_disposable(serving, deployment, undoing):
                candidates.remove(asked, deployment)
            raise


def switch(
    deployment: Deployment,
    /,
    *,
    undoing: Failed | None = None,
    clock: health.Clock = health.SYSTEM_CLOCK,
) -> None:
    """Send traffic to the deployment; return when every node answers with it.

    A release that serves, or was about to, is undone with its predecessor as the deployment and
    itself as `undoing`. From then on the swarm refuses to be switched to it.

    Raises:
        RefusedError: something newer serves.
        TargetError: the deployment was not applied, or a node does not answer with it.
    """
    with managers(deployment.site, f"switching to {deployment.release_id}", clock=clock) as asked:
        found = candidates.find(asked, deployment)
        if found is None or not services.running(asked, found):
            raise steps.not_applied(deployment)
        network = belongings.ensure_network(asked, deployment.site)
        fronting.ensure(asked, deployment, network, renew=True)
        fronting.point(asked, deployment, network, undoing)
        fronting.wait_serving(asked, deployment)


def observe(site: Site, /, requests: tuple[Request, ...] = ()) -> Observed | None:
    """Return what answers on the environment's port of every node, and what the swarm believes.

    Where nodes disagree it is the answer of one that is not well, or not what the swarm believes.
    Managers that cannot be asked take away their own facts, and no other: their hosts are asked.
    """
    believed = _believed(site)
    with ThreadPoolExecutor(_ASKED_AT_ONCE) as pool:
        found = list(
            pool.map(
                lambda host: health.observe(health.at(site.port, host), site.app, requests),
                believed.hosts,
            )
        )
    if not any(found) and believed.label in {"", None}:
        return None
    silent = Observed("", "", healthy=False, detail="nothing answers")
    seen = [answer or silent for answer in found] or [silent]
    odd = (each for each in seen if not each.healthy or each.release_id != believed.label)
    return replace(
        next(odd, seen[0]),
        label=believed.label,
        task_digest=believed.digest,
        started=believed.started,
    )


def remove(
    site: Site,
    /,
    keep: frozenset[str],
    *,
    clock: health.Clock = health.SYSTEM_CLOCK,
) -> None:
    """Remove the environment's releases other than `keep`, and fronts without their port.

    With an empty `keep` the environment ends: front, pointer and network go too, its data stays.

    Raises:
        TargetError: traffic still goes to a release that would be removed; nothing was stopped.
    """
    with managers(site, f"cleaning {site.environment} of {site.app}", clock=clock) as asked:
        serving = fronting.pointer(asked, site)
        if keep and serving is not None and serving.release_id not in keep:
            raise steps.still_serving(site, serving.release_id)
        for each in services.find(asked, naming.labels(site)):
            role = services.label(each, naming.ROLE)
            is_release = role in {"release", "pull"}
            if not keep or (is_release and services.label(each, naming.RELEASE) not in keep):
                services.remove(asked, each)
        if keep and serving is not None:
            fronting.remove_others(asked, site, port=serving.port)
        belongings.remove_unused(asked, site)
        if not keep:
            belongings.remove_network(asked, site)


class _Belief(NamedTuple):
    """What the swarm believes: which release serves, the image of its tasks, and where to look.

    `started` names its tasks that have ended by themselves, after which others were started.
    """

    label: str | None
    digest: str | None
    hosts: tuple[str, ...]
    started: str = ""


def _believed(site: Site) -> _Belief:
    try:
        with managers(site, f"looking at {site.environment} of {site.app}", patience=0) as asked:
            hosts = tuple(node.address for node in services.nodes(asked).values())
            serving = fronting.pointer(asked, site)
            if serving is None:
                return _Belief("", "", hosts)
            labels = {**naming.labels(site, "release"), naming.RELEASE: serving.release_id}
            serve = services.find(asked, labels)
            running = [task for each in serve for task in services.running(asked, each)]
            ended = [task["ID"] for each in serve for task in services.failed(asked, each)]
            return _Belief(serving.release_id, _digest(running), hosts, ", ".join(sorted(ended)))
    except TargetError:
        return _Belief(None, None, _hosts(site))


def _digest(running: list[Found]) -> str:
    """Return the image of running tasks, empty when there is none."""
    images = {task["Spec"]["ContainerSpec"]["Image"].rpartition("@")[2] for task in running}
    return ", ".join(sorted(images))


def _hosts(site: Site) -> tuple[str, ...]:
    """Return the hosts of the managers, as far as their addresses say them."""
    hosts = [
        address.partition("://")[2].rpartition(":")[0].strip("[]")
        for address in site.addresses
        if address.startswith("tcp://")
    ]
    return tuple(hosts) or ("127.0.0.1",)
