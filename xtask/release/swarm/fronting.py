"""The front of an environment on every node, and the pointer that all of them follow.

The pointer is the service that writes it: its labels say which release has the traffic, and its
version is compared and swapped, so that of two deployers one is refused. On each node it replaces
the file that the front there reads. A node that was away, or is new, gets it from the swarm.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from xtask.errors import TargetError
from xtask.release import health, naming
from xtask.release.fencing import Pointer, gives_way, is_past, overtaken
from xtask.release.swarm import belongings, services, specs

if TYPE_CHECKING:
    from xtask.errors import RefusedError
    from xtask.release.deployment import Deployment, Failed, Site
    from xtask.release.swarm.managers import Found, Managers

_START_SECONDS: Final = 60.0
_SWITCH_SECONDS: Final = 60.0  # a new leader takes 25 to know which nodes are down
_PAUSE: Final = 0.2  # seconds; each question is several to a manager
_FRONT_HELP: Final = "traffic may have moved: look with `xtask status`, then `xtask resume`"


def ensure(
    managers: Managers, deployment: Deployment, network: str, *, renew: bool = False
) -> Found:
    """Return the front on the environment's port, made if need be; those on other ports stay.

    With `renew` one of another version is replaced node by node, at the price of a short gap.
    """
    site = deployment.site
    script = belongings.ensure_script(managers, site)
    spec = specs.serving(
        deployment, network=network, volume=belongings.volume(site, network), script=script
    )
    found = _on_port(managers, site)
    if found is None:
        return services.ensure(managers, spec, site)
    if renew and services.label(found, specs.VERSION) != specs.CURRENT:
        services.update(managers, found, spec)
    return found


def wait_running(managers: Managers, service: Found) -> None:
    """Return when the front runs on every node that is there.

    Raises:
        TargetError: it does not, for one because a port is taken; with the names of nodes.
    """

    def missing() -> str | None:
        there = services.nodes(managers)
        runs = {task["NodeID"] for task in services.running(managers, service)}
        names = sorted(there[node].name for node in there.keys() - runs)
        said = {each["Status"].get("Err", "") for each in services.tasks(managers, service)} - {""}
        return f"no front on {', '.join(names)} {'; '.join(sorted(said))}" if names else None

    try:
        health.wait_until(missing, within=_START_SECONDS, clock=managers.clock, interval=_PAUSE)
    except TargetError as error:
        port = services.label(service, specs.PUBLISHED)
        help_ = f"stop what has port {port} on these nodes, or give the environment another"
        raise TargetError(error.message, help=help_) from error


def find(managers: Managers, site: Site) -> list[Found]:
    """Return the environment's fronts: one, or two while its port changes."""
    return services.find(managers, naming.labels(site, "front"))


def pointer(managers: Managers, site: Site) -> Pointer | None:
    """Return where the traffic goes; `None` before the first switch."""
    found = services.named(managers, specs.pointer_name(site))
    return _read(found) if found else None


def refuse_past(held: Pointer | None, deployment: Deployment, undoing: Failed | None) -> None:
    """Raise RefusedError when what serves is newer than a deployment, or of another history."""
    if is_past(held, deployment, undoing):
        raise _overtaken(deployment, held)


def point(managers: Managers, deployment: Deployment, network: str, undoing: Failed | None) -> None:
    """Tell the swarm to send new connections to the deployment.

    Raises:
        RefusedError: something newer serves.
    """
    site = deployment.site
    token = (undoing or deployment).generation
    undone = undoing.release_id if undoing else None
    spec = specs.pointing(
        deployment,
        token=token,
        undone=undone,
        volume=belongings.volume(site, network),
        script=belongings.ensure_script(managers, site),
    )
    while True:
        held = services.named(managers, spec["Name"])
        if held is None:
            if services.create(managers, spec):
                return
            continue
        before = _read(held)
        if not gives_way(before, Pointer(deployment.release_id, token), undoing):
            raise _overtaken(deployment, before)
        if services.update(managers, held, spec):
            return


def wait_serving(managers: Managers, deployment: Deployment) -> None:
    """Return when the environment's port answers with the deployment on every node.

    Raises:
        RefusedError: something newer serves by now.
        TargetError: a node does not.
    """
    site = deployment.site

    def missing() -> str | None:
        held = pointer(managers, site)
        if held is not None and held.release_id != deployment.release_id:
            raise _overtaken(deployment, held)
        for node in services.nodes(managers).values():
            wrong = health.misidentified(health.at(site.port, node.address), deployment)
            if wrong:
                return f"{node.name}: {wrong}"
        return None

    try:
        health.wait_until(missing, within=_SWITCH_SECONDS, clock=managers.clock, interval=_PAUSE)
    except TargetError as error:
        raise TargetError(
            f"the front on port {site.port}: {error.message}", help=_FRONT_HELP
        ) from error


def remove_others(managers: Managers, site: Site, *, port: int) -> None:
    """Remove the environment's fronts on other ports than this one."""
    for each in find(managers, site):
        if services.label(each, specs.PUBLISHED) != str(port):
            services.remove(managers, each)


def _on_port(managers: Managers, site: Site) -> Found | None:
    found = find(managers, site)
    port = str(site.port)
    return next((each for each in found if services.label(each, specs.PUBLISHED) == port), None)


def _read(found: Found) -> Pointer:
    return Pointer(
        services.label(found, naming.RELEASE),
        int(services.label(found, specs.GENERATION)),
        int(services.label(found, specs.PUBLISHED)),
    )


def _overtaken(deployment: Deployment, held: Pointer | None) -> RefusedError:
    site = deployment.site
    filters = " ".join(
        f"--filter label={key}={value}" for key, value in naming.labels(site).items()
    )
    services_ = f"docker service rm $(docker service ls --quiet {filters})"
    network = f"docker network rm {naming.prefix(site)}"
    return overtaken(deployment, held, ends=f"`{services_}`, then `{network}`")
