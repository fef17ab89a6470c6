"""The containers that run releases, their network and their data on a Docker Engine."""

from __future__ import annotations

import io
import tarfile
from typing import TYPE_CHECKING, Final, NamedTuple

from xtask.errors import RefusedError, TargetError
from xtask.release import health, naming
from xtask.release.deployment import SECRETS_FOLDER
from xtask.release.docker import fronting, hardening
from xtask.release.docker.engine import absence_allowed

if TYPE_CHECKING:
    from docker import DockerClient  # type: ignore[import-untyped]
    from docker.models.containers import Container  # type: ignore[import-untyped]

    from xtask.release.deployment import Deployment, Site

_LOG_LINES: Final = 20
_REPAIR: Final = "what served before still does; repair the module, build and promote again"


class Slot(NamedTuple):
    """Where a deployment's container goes: its name, its role, its data and its loopback port.

    `data` is the volume at `/data`, `None` for one that ends with the container. `port` is `None`
    for one that the engine chooses. With a `command` it does that instead of serving, and nobody
    finds it in the network.
    """

    name: str
    role: str
    data: str | None = None
    port: int | None = None
    command: tuple[str, ...] = ()


def data_volume(site: Site) -> str:
    """Return the name of the volume that all releases of an environment share."""
    return f"{naming.prefix(site)}-data"


def ensure_network(client: DockerClient, deployment: Deployment) -> None:
    """Make the environment's own network unless it is there."""
    wanted = naming.labels(deployment.site)
    if not client.networks.list(filters=naming.selecting(wanted)):
        name = naming.prefix(deployment.site)
        client.networks.create(name, check_duplicate=True, labels=wanted)


def ensure_release(client: DockerClient, deployment: Deployment, image: str) -> Container:
    """Return the deployment's container: the one an interrupted run left, or a new one."""
    found = find_release(client, deployment)
    if found is None:
        slot = Slot(naming.candidate(deployment), "release", data_volume(deployment.site))
        evict(client, deployment, slot)
        found = create(client, deployment, image, slot)
    return found


def find_release(client: DockerClient, deployment: Deployment) -> Container | None:
    """Return the container that runs exactly this deployment, in whatever state."""
    found = named(client, naming.candidate(deployment))
    wanted = naming.release_labels(deployment, "release")
    return found if found is not None and wanted.items() <= found.labels.items() else None


def find_serving(client: DockerClient, site: Site) -> Container | None:
    """Return the container to which the environment's front sends traffic, in whatever state."""
    pointer = fronting.pointer(client, site)
    if pointer is None:
        return None
    wanted = {**naming.labels(site, "release"), naming.RELEASE: pointer.release_id}
    found = client.containers.list(all=True, filters=naming.selecting(wanted))
    return found[0] if found else None


def evict(client: DockerClient, deployment: Deployment, slot: Slot) -> None:
    """Remove what an earlier run left in a slot that is needed; the front must not point to it.

    Raises:
        RefusedError: it is not of this environment and role.
    """
    found = named(client, slot.name)
    if found is None:
        return
    ours = naming.labels(deployment.site, slot.role)
    if not ours.items() <= found.labels.items():
        raise RefusedError(
            f"the name {found.name} belongs to a container that xtask did not make",
            help=f"rename that container or remove it: `docker rm --force {found.name}`",
        )
    found.remove(force=True, v=True)


def create(client: DockerClient, deployment: Deployment, image: str, slot: Slot) -> Container:
    """Return a new container of the deployment in a free slot, not started.

    Raises:
        TargetError: the image does not say on which one port it listens.
    """
    if slot.data is not None:
        client.volumes.create(slot.data, labels=naming.labels(deployment.site, "data"))
    network = naming.prefix(deployment.site)
    serves = not slot.command
    aliases = [naming.alias(deployment)] if serves else []
    port = f"{_exposed_port(client, deployment, image)}/tcp" if serves else ""
    endpoint = client.api.create_endpoint_config(aliases=aliases)
    return client.containers.create(
        image,
        command=[*slot.command] or None,
        name=slot.name,
        labels=naming.release_labels(deployment, slot.role),
        environment=deployment.environ,
        network=network,
        networking_config={network: endpoint},
        ports={port: ("127.0.0.1", slot.port)} if serves else {},
        volumes=[
            f"{slot.data}:/data" if slot.data else "/data",
            # Of the container's own: it goes with it.
            *([SECRETS_FOLDER] if deployment.configuration.secrets else []),
        ],
        **hardening.CONFINED,
        **hardening.limited(deployment.configuration.limits),
    )


def named(client: DockerClient, name: str) -> Container | None:
    """Return the container of that name or id, `None` when there is none."""
    with absence_allowed():
        return client.containers.get(name)
    return None


def inner_port(container: Container) -> int:
    """Return the port on which the release listens inside its container."""
    return _port_number(next(iter(container.attrs["HostConfig"]["PortBindings"])))


def published_port(container: Container) -> int | None:
    """Return the loopback port that the engine chose, `None` while the container does not run."""
    container.reload()
    published = container.attrs["NetworkSettings"]["Ports"] or {}
    bindings = [binding for found in published.values() for binding in found or ()]
    return int(bindings[0]["HostPort"]) if bindings else None


def start_healthy(container: Container, deployment: Deployment, *, clock: health.Clock) -> int:
    """Start the container; return its loopback port once it is what it should be.

    That is: ready, this release by its own word, and with the right answers to its requests.

    Raises:
        TargetError: it exited, is not ready in time, is something else, or answers
            wrong; with its log.
    """
    if container.status != "running":
        entrust(container, deployment)
        container.start()
    within = deployment.configuration.ready_within
    try:
        health.wait_until(lambda: _unready(container), within=within, clock=clock)
        port = published_port(container)
        wrong = _wrong(health.at(port), deployment) if port else "it exited"
    except TargetError as error:
        raise _unwell(error, container, deployment) from error
    if port is None or wrong is not None:
        raise _unwell(TargetError(str(wrong)), container, deployment)
    return port


def keep_running(container: Container) -> None:
    """Let the engine restart the container from now on; an exit before shows that it is broken."""
    container.update(restart_policy=dict(hardening.RESTARTED))


def dismantle(client: DockerClient, site: Site) -> None:
    """Remove the environment's fronts, pointer and network, of which none needs to exist."""
    for each in fronting.find(client, site):
        each.remove(force=True)
    remove_network(client, site)
    with absence_allowed():
        client.volumes.get(fronting.volume(site)).remove()


def remove_network(client: DockerClient, site: Site) -> None:
    """Remove the environment's network, which no container may still use."""
    for network in client.networks.list(filters=naming.selecting(naming.labels(site))):
        network.remove()


def with_log(
    subject: str,
    error: TargetError,
    container: Container,
    *,
    help: str = _REPAIR,  # noqa: A002 - as in `XtaskError`
) -> TargetError:
    """Return the error about `subject` with the last lines that the container wrote."""
    written = container.logs(tail=_LOG_LINES).decode(errors="replace").rstrip()
    log = f"its log ends:\n{written}" if written else "it logged nothing"
    return TargetError(f"{subject}: {error.message}; {log}", help=help)


def entrust(container: Container, deployment: Deployment) -> None:
    """Give a container that does not run the values of its secrets, which its user alone reads.

    They are neither in its image nor in what the engine tells of it, and are there after it was
    started again, as on a file system in memory they would not be.
    """
    if not deployment.secrets:
        return
    user, _, group = str(container.attrs["Config"]["User"]).partition(":")
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, value in sorted(deployment.secrets.items()):
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(value), 0o400
            member.uid, member.gid = int(user or 0), int(group or 0)
            archive.addfile(member, io.BytesIO(value))
    container.put_archive(SECRETS_FOLDER, stream.getvalue())


def _unwell(error: TargetError, container: Container, deployment: Deployment) -> TargetError:
    """Return why a release does not work, with its log; it may have written its secrets there."""
    found = with_log(f"release {deployment.release_id}", error, container)
    return TargetError(deployment.masked(found.message), help=found.help)


def _unready(container: Container) -> str | None:
    """Return what is missing; the port is asked anew, since a restart changes it.

    Raises:
        TargetError: the container has ended, so waiting is no use.
    """
    port = published_port(container)
    if container.status != "running":
        state = container.attrs["State"]
        killed = " (killed: out of memory)" if state["OOMKilled"] else ""
        raise TargetError(f"exited with code {state['ExitCode']}{killed}")
    return health.unready(health.at(port)) if port else "no port yet"


def _wrong(ask: health.Ask, deployment: Deployment) -> str | None:
    wrong = health.misidentified(ask, deployment)
    return wrong or health.unanswered(ask, deployment.requests)


def _exposed_port(client: DockerClient, deployment: Deployment, image: str) -> int:
    exposed = client.api.inspect_image(image)["Config"].get("ExposedPorts") or {}
    if len(exposed) != 1:
        raise TargetError(
            f"{deployment.image_reference} exposes {len(exposed)} ports, one is needed",
            help="build it again with `xtask build`: its images expose exactly one",
        )
    return _port_number(next(iter(exposed)))


def _port_number(key: str) -> int:
    """Return 8000 of the engine's `8000/tcp`."""
    return int(key.partition("/")[0])
