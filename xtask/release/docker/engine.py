"""The connection to a Docker Engine: errors that say what to do, images that are what they claim.

The engine must publish ports on this machine's loopback. `DOCKER_HOST` is respected.
"""

from __future__ import annotations

import contextlib
import os
import socket
from itertools import takewhile
from typing import TYPE_CHECKING, Final

from xtask.errors import TargetError, UntrustedError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from docker import DockerClient  # type: ignore[import-untyped]

    from xtask.release.deployment import Deployment

_DEFAULT_HOST: Final = "unix:///var/run/docker.sock"
_ANSWER_SECONDS: Final = 60
_LOAD_SECONDS: Final = 600
_IMAGES_COMPARED: Final = 64

_PORT_TAKEN: Final = "stop what listens on that port, or give the environment another"
_DENIED: Final = "add your user to the group `docker`, or set DOCKER_HOST to your own engine"
_VERSIONS: Final = "update Docker: the engine and the client must share an API version"

# Status codes of the Engine are unreliable (a taken port is 500), so its words decide.
_REMEDIES: Final = (
    ("port is already allocated", _PORT_TAKEN),
    ("address already in use", _PORT_TAKEN),
    ("no space left on device", "free disk space: `docker system df` shows what takes it"),
    ("permission denied", _DENIED),
    ("address pool", "remove unused networks: `docker network prune`"),
    ("executable file not found", "the image needs `python3` on its PATH"),
    ("is too old", _VERSIONS),
    ("too new", _VERSIONS),
)
_UNREACHABLE: Final = (
    "start Docker, set DOCKER_HOST to an engine that runs, "
    'or use `target = "record"` for this environment'
)


@contextlib.contextmanager
def engine(doing: str, *, timeout: float = _ANSWER_SECONDS) -> Iterator[DockerClient]:
    """Yield a client; any Docker error inside becomes a `TargetError` that begins with `doing`.

    Args:
        doing: what is being done, in the words of a message.
        timeout: seconds that one read from the engine may take.

    Raises:
        TargetError: the SDK is missing, the engine is not reachable, refuses, or does not answer.
    """
    try:
        import docker  # noqa: PLC0415 - 80 ms that other verbs do not pay
        import requests.exceptions  # noqa: PLC0415
    except ImportError as error:
        raise TargetError(
            f"{doing}: {error}", help="install it: `pip install 'xtask[docker]'`"
        ) from error
    with contextlib.ExitStack() as stack:
        try:
            knock("", timeout)
            client = docker.from_env(timeout=timeout)
            stack.callback(client.close)
            client.ping()
        except (docker.errors.DockerException, requests.RequestException, OSError) as error:
            raise _unreachable(doing, error) from error
        try:
            yield client
        except requests.exceptions.ReadTimeout as error:
            said = f"{doing}: the engine has not answered in {timeout:g} s; it may still do it"
            raise TargetError(
                said, help="look with `xtask status`, then repeat the command"
            ) from error
        except docker.errors.DockerException as error:
            raise refused(doing, error) from error
        except (requests.RequestException, OSError) as error:
            raise _unreachable(doing, error) from error


def absence_allowed() -> contextlib.suppress:
    """Return a block that ends without an error when the engine does not have what is asked for."""
    import docker.errors  # type: ignore[import-untyped]  # noqa: PLC0415 - see `engine`

    return contextlib.suppress(docker.errors.NotFound)


def ensure_image(deployment: Deployment) -> str:
    """Return the engine's ID of the deployment's image, loading what the engine lacks of it.

    The ID is the config digest in the classic store, the manifest digest in the containerd store.

    Raises:
        UntrustedError: after loading, the engine has no image with either digest.
        TargetError: the engine refuses the archive.
    """
    with engine(f"loading {deployment.image_reference}", timeout=_LOAD_SECONDS) as client:
        if (found := find_image(client, deployment)) is not None:
            return found
        if known := _layers_held(client, deployment.layers):
            _try_delta(client, deployment, known)
        if (found := find_image(client, deployment)) is None:
            loaded = client.images.load(deployment.archive(frozenset()))
            found = find_image(client, deployment)
    if found is None:
        made = ", ".join(sorted(image.id for image in loaded)) or "nothing"
        raise UntrustedError(
            f"the engine made {made} from the archive of {deployment.image_reference}, "
            f"not config {deployment.config_digest} or manifest {deployment.image_digest}",
            help="promote it again: stored bytes are verified first",
        )
    return found


def _try_delta(client: DockerClient, deployment: Deployment, known: frozenset[str]) -> None:
    """Load without the `known` layers; that an engine wants them after all is fine."""
    import docker.errors  # noqa: PLC0415 - see `engine`

    with contextlib.suppress(docker.errors.DockerException):
        client.images.load(deployment.archive(known))


def find_image(client: DockerClient, deployment: Deployment) -> str | None:
    """Return the engine's ID of the deployment's image, `None` when it has not got it."""
    for digest in (deployment.config_digest, deployment.image_digest):
        with absence_allowed():
            image_id: str = client.api.inspect_image(digest)["Id"]
            if image_id == digest:
                return image_id
    return None


def _layers_held(client: DockerClient, layers: tuple[str, ...]) -> frozenset[str]:
    """Return the longest beginning of `layers` with which an image in the engine begins too.

    Only a common beginning helps: the classic store knows a layer by the whole chain below it.
    """
    longest = 0
    for image in client.api.images()[:_IMAGES_COMPARED] if layers else ():
        with absence_allowed():  # somebody may remove one of them meanwhile
            held = client.api.inspect_image(image["Id"])["RootFS"].get("Layers") or ()
            same = takewhile(lambda pair: pair[0] == pair[1], zip(layers, held, strict=False))
            longest = max(longest, sum(1 for _ in same))
    return frozenset(layers[:longest])


def knock(address: str, timeout: float) -> None:
    """Connect to a local engine and hang up; the SDK would leak a socket that it cannot connect.

    Without an address it is the engine of DOCKER_HOST.

    Raises:
        OSError: nobody listens there.
    """
    where = address or os.environ.get("DOCKER_HOST", _DEFAULT_HOST)
    scheme, _, path = where.partition("://")
    if scheme == "unix":
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(timeout)
            probe.connect(path)


def refused(doing: str, error: Exception) -> TargetError:
    """Return the engine's refusal with what to do about it."""
    said = str(getattr(error, "explanation", None) or error).strip()
    lowered = said.lower()
    remedy = next((remedy for words, remedy in _REMEDIES if words in lowered), None)
    return TargetError(f"{doing}: {said}", help=remedy or "the engine's own log says more")


def _unreachable(doing: str, error: Exception) -> TargetError:
    remedy = _DENIED if "permission denied" in str(error).lower() else _UNREACHABLE
    return TargetError(f"{doing}: the Docker Engine is not reachable ({error})", help=remedy)
