"""The front container of an environment: made once, kept across releases, pointed at one of them.

It runs `front.py` from the image of the first release, and its label `xtask.image` names that
image: whoever deletes images must leave alone those that a container carries in this label. (The
engine, too, refuses to delete an image that a container uses.) Script and pointer lie in a volume
of their own, so they survive the front. The proxy runs as the image's user and can only read them;
the pointer is moved by root.
"""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from xtask.errors import RefusedError, TargetError
from xtask.release import front, hardening, naming
from xtask.release.engine import absence_allowed

if TYPE_CHECKING:
    from docker import DockerClient  # type: ignore[import-untyped]
    from docker.models.containers import Container  # type: ignore[import-untyped]

    from xtask.release.deployment import Deployment

_FOLDER: Final = "/xtask-front"
_SCRIPT: Final = f"{_FOLDER}/front.py"
_VERSION: Final = "xtask.front"
_CURRENT: Final = "1"  # raise it when running fronts must be replaced, at the price of a short gap


class Pointer(NamedTuple):
    """The release that gets an environment's traffic."""

    generation: int
    release_id: str


def ensure(client: DockerClient, deployment: Deployment, image: str) -> Container:
    """Return the environment's running front on its stable port, made from `image` if need be.

    When it cannot start, none stays behind.

    Raises:
        docker.errors.APIError: the port is taken, or the image has no `python3`.
    """
    found = find(client, deployment.app, deployment.environment)
    if found is not None and _fits(found, deployment):
        if found.status != "running":
            found.start()
        return found
    if found is not None:
        found.remove(force=True)
    made = _create(client, deployment, image)
    try:
        made.put_archive(_FOLDER, _tar("front.py", Path(front.__file__).read_bytes()))
        made.start()
    except BaseException:
        made.remove(force=True)
        raise
    return made


def find(client: DockerClient, app: str, environment: str) -> Container | None:
    """Return the environment's front in whatever state, `None` when there is none."""
    wanted = naming.selecting(naming.labels(app, environment, "front"))
    return next(iter(client.containers.list(all=True, filters=wanted)), None)


def pointer(client: DockerClient, app: str, environment: str) -> Pointer | None:
    """Return where the front sends traffic, even when stopped; `None` before the first switch."""
    found = find(client, app, environment)
    if found is None:
        return None
    with absence_allowed():
        pieces, _ = found.get_archive(f"{_FOLDER}/{front.POINTER_NAME}")
        written = json.loads(_only_member(b"".join(pieces)))
        return Pointer(written["generation"], written["release_id"])
    return None


def refuse_past(held: Pointer | None, deployment: Deployment) -> None:
    """Refuse a deployment that is older than what serves, or of another history.

    Raises:
        RefusedError: the pointer is at another release, of the same or a higher generation.
    """
    if held is None or held.generation < deployment.generation:
        return
    if held.release_id != deployment.release_id:
        raise _overtaken(deployment, f"release {held.release_id}, generation {held.generation}")


def point(
    running: Container, deployment: Deployment, *, port: int, undoing: Deployment | None
) -> None:
    """Send new connections to the deployment's `port`, at once and for all later fronts.

    Raises:
        RefusedError: something newer serves.
        TargetError: the front cannot run its script.
    """
    where = {"host": naming.alias(deployment), "port": port, "release_id": deployment.release_id}
    token = str((undoing or deployment).generation)
    command = ["python3", _SCRIPT, "point", token, json.dumps(where)]
    if undoing is not None:
        command.append(undoing.release_id)
    code, output = running.exec_run(command, user="0:0")
    if code == front.REFUSED:
        raise _overtaken(deployment, "a release of the same or a higher generation")
    if code != 0:
        said = output.decode(errors="replace").strip()
        raise TargetError(
            f"the front {running.name} cannot be pointed at {deployment.release_id}: {said}",
            help=f"look at `docker logs {running.name}`, then repeat the command",
        )


def volume(app: str, environment: str) -> str:
    """Return the name of the volume with script and pointer."""
    return f"{naming.prefix(app, environment)}-front"


def _fits(found: Container, deployment: Deployment) -> bool:
    bindings = found.attrs["HostConfig"]["PortBindings"][f"{front.LISTEN_PORT}/tcp"]
    made_as = (bindings[0]["HostPort"], found.labels.get(_VERSION))
    return bool(made_as == (str(deployment.port), _CURRENT))


def _create(client: DockerClient, deployment: Deployment, image: str) -> Container:
    app, environment = deployment.app, deployment.environment
    labels = naming.labels(app, environment, "front")
    client.volumes.create(volume(app, environment), labels=labels)
    return client.containers.create(
        image,
        name=f"{naming.prefix(app, environment)}-front",
        entrypoint=["python3", _SCRIPT],
        command=["serve"],
        labels={**labels, _VERSION: _CURRENT, naming.IMAGE: deployment.image_digest},
        network=naming.prefix(app, environment),
        ports={f"{front.LISTEN_PORT}/tcp": ("127.0.0.1", deployment.port)},
        volumes={volume(app, environment): {"bind": _FOLDER, "mode": "rw"}},
        restart_policy=dict(hardening.RESTARTED),
        **hardening.CONFINED,
        **hardening.FRONT_LIMITS,
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


def _overtaken(deployment: Deployment, by: str) -> RefusedError:
    place = f"{deployment.app} in {deployment.environment}"
    front_name = f"{naming.prefix(deployment.app, deployment.environment)}-front"
    return RefusedError(
        f"{by}, serves {place}; {deployment.release_id} has generation {deployment.generation}",
        help="look with `xtask status`. If these records are new and should take over, "
        f"end what serves: `docker rm --force {front_name} && docker volume rm {front_name}`",
    )
