"""The front container of an environment: kept across releases, pointed at one of them.

It runs `front.py` from the image of the first release, and its label `xtask.image` names that
image: whoever deletes images must leave alone those that a container carries in this label. (The
engine, too, refuses to delete an image that a container uses.) Script and pointer lie in a volume
of their own, so they survive the front. The proxy runs as the image's user and can only read them;
the pointer is moved by root. An environment that moves to another port has two fronts with one
pointer until the release that moved it is active.
"""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from xtask.errors import TargetError
from xtask.release import front, naming
from xtask.release.docker import hardening
from xtask.release.docker.engine import absence_allowed
from xtask.release.fencing import Pointer, is_past, overtaken

if TYPE_CHECKING:
    from docker import DockerClient  # type: ignore[import-untyped]
    from docker.models.containers import Container  # type: ignore[import-untyped]

    from xtask.errors import RefusedError
    from xtask.release.deployment import Deployment, Failed, Site

_FOLDER: Final = "/xtask-front"
_SCRIPT: Final = f"{_FOLDER}/front.py"
_VERSION: Final = "xtask.front"
_CURRENT: Final = "1"  # raise it when running fronts must be replaced, at the price of a short gap


def ensure(
    client: DockerClient, deployment: Deployment, image: str, *, renew: bool = False
) -> Container:
    """Return the environment's running front on its stable port, made from `image` if need be.

    Fronts on other ports stay as they are. A new one that cannot start does not stay behind.

    Args:
        client: the engine.
        deployment: whose environment, and which port.
        image: what a new front is made from.
        renew: replace a front of another version, at the price of a short gap.

    Raises:
        docker.errors.APIError: the port is taken, or the image has no `python3`.
    """
    found = _on_port(client, deployment)
    if found is not None and renew and found.labels.get(_VERSION) != _CURRENT:
        found.remove(force=True)
        found = None
    if found is None:
        return _start_new(client, deployment, image)
    if found.status != "running":
        found.start()
    return found


def find(client: DockerClient, site: Site) -> list[Container]:
    """Return the environment's fronts in whatever state: one, or two while its port changes."""
    wanted = naming.selecting(naming.labels(site, "front"))
    found = client.containers.list(all=True, filters=wanted)
    return sorted(found, key=lambda container: str(container.name))


def remove_others(client: DockerClient, site: Site, *, port: int) -> None:
    """Remove the environment's fronts on other ports than this one."""
    for each in find(client, site):
        if published(each) != port:
            each.remove(force=True)


def _on_port(client: DockerClient, deployment: Deployment) -> Container | None:
    fronts = find(client, deployment.site)
    return next((each for each in fronts if published(each) == deployment.site.port), None)


def _start_new(client: DockerClient, deployment: Deployment, image: str) -> Container:
    made = _create(client, deployment, image)
    try:
        made.put_archive(_FOLDER, _tar("front.py", Path(front.__file__).read_bytes()))
        made.start()
    except BaseException:
        made.remove(force=True)
        raise
    return made


def pointer(client: DockerClient, site: Site) -> Pointer | None:
    """Return where the front sends traffic, even when stopped; `None` before the first switch."""
    for found in find(client, site)[:1]:  # all of them have the one pointer
        with absence_allowed():
            pieces, _ = found.get_archive(f"{_FOLDER}/{front.POINTER_NAME}")
            written = json.loads(_only_member(b"".join(pieces)))
            return Pointer(written["release_id"], written["generation"], written["published"])
    return None


def refuse_past(held: Pointer | None, deployment: Deployment, undoing: Failed | None) -> None:
    """Raise RefusedError when what serves is newer than a deployment, or of another history."""
    if is_past(held, deployment, undoing):
        raise _overtaken(deployment, held)


def point(running: Container, deployment: Deployment, *, port: int, undoing: Failed | None) -> None:
    """Send new connections to the deployment's `port`, at once and for all later fronts.

    Raises:
        RefusedError: something newer serves.
        TargetError: the front cannot run its script.
    """
    where = {
        "host": naming.alias(deployment),
        "port": port,
        "release_id": deployment.release_id,
        "published": deployment.site.port,
    }
    token = str((undoing or deployment).generation)
    command = ["python3", _SCRIPT, "point", token, json.dumps(where)]
    if undoing is not None:
        command.append(undoing.release_id)
    code, output = running.exec_run(command, user="0:0")
    if code == front.REFUSED:
        raise _overtaken(deployment)
    if code != 0:
        said = output.decode(errors="replace").strip()
        raise TargetError(
            f"the front {running.name} cannot be pointed at {deployment.release_id}: {said}",
            help=f"look at `docker logs {running.name}`, then repeat the command",
        )


def volume(site: Site) -> str:
    """Return the name of the volume with script and pointer."""
    return f"{naming.prefix(site)}-front"


def published(found: Container) -> int:
    """Return the loopback port for which a front was made, whether or not it runs."""
    bindings = found.attrs["HostConfig"]["PortBindings"][f"{front.LISTEN_PORT}/tcp"]
    return int(bindings[0]["HostPort"])


def _create(client: DockerClient, deployment: Deployment, image: str) -> Container:
    site = deployment.site
    labels = naming.labels(site, "front")
    client.volumes.create(volume(site), labels=labels)
    return client.containers.create(
        image,
        name=f"{naming.prefix(site)}-front-{site.port}",
        entrypoint=["python3", _SCRIPT],
        command=["serve"],
        labels={**labels, _VERSION: _CURRENT, naming.IMAGE: deployment.image_digest},
        network=naming.prefix(site),
        ports={f"{front.LISTEN_PORT}/tcp": ("127.0.0.1", site.port)},
        volumes={volume(site): {"bind": _FOLDER, "mode": "rw"}},
        restart_policy=dict(hardening.RESTARTED),
        **hardening.CONFINED,
        **hardening.limited(hardening.FRONT_LIMITS),
    )


def _tar(name: str, content: bytes) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        member = tarfile.TarInfo(name)
        member.size, member.mode = len(content), 0o644
        archive.addfile(member, io.BytesIO(content))
    return stream.getvalue()


def _only_member(tar: bytes) -> bytes:
    with tarfile.open(fileobj=io.BytesIO(tar)) as archive:
        member = archive.extractfile(archive.getmembers()[0])
        return member.read() if member else b"{}"


def _overtaken(deployment: Deployment, held: Pointer | None = None) -> RefusedError:
    wanted = naming.labels(deployment.site, "front")
    filters = " ".join(f"--filter label={key}={value}" for key, value in wanted.items())
    fronts = f"docker rm --force $(docker ps --all --quiet {filters})"
    pointed = f"docker volume rm {volume(deployment.site)}"
    return overtaken(deployment, held, ends=f"`{fronts} && {pointed}`")
