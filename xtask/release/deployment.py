"""What a target is asked to run, where, and what it was seen running."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from xtask.redaction import MASK

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

READY_PATH: Final = "/readyz"
RELEASE_PATH: Final = "/api/_release"
SECRETS_FOLDER: Final = "/run/secrets"
"""Where a container finds the value of each secret, in a file of its name."""
LISTEN_PORT: Final = 8000
"""On which every image of a product listens."""


class Site(NamedTuple):
    """An environment at its target: where every release of it is found.

    `port` is the one on which the environment answers for ever. `addresses` are where the target
    is asked, in the order in which they are tried: the managers of a swarm, the context of a
    kubeconfig. Without any it is what the target's own tools would ask.
    """

    app: str
    environment: str
    port: int
    addresses: tuple[str, ...] = ()


class Request(NamedTuple):
    """A GET request that a release has to answer with this status, and with this text inside."""

    path: str
    status: int = 200
    contains: str = ""


class Limits(NamedTuple):
    """The most that one container of a release takes: bytes, processors and processes."""

    memory: int = 1 << 30
    cpus: float = 1.0
    pids: int = 512


@dataclass(frozen=True, slots=True)
class Configuration:
    """What an environment gives to what runs in it, as a release keeps it.

    `variables` are environment variables by name. `secrets` are the names of others, whose values
    are in files, and nowhere else. `placement` are constraints in the target's own words. A
    release has to be ready after `ready_within` seconds, and is watched for `window` seconds after
    it got the traffic.
    """

    variables: Mapping[str, str] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()
    replicas: int = 1
    placement: tuple[str, ...] = ()
    limits: Limits = Limits()  # noqa: RUF009 - a frozen value
    ready_within: float = 60.0
    window: float = 0.0


@dataclass(frozen=True, slots=True)
class Deployment:
    """One release of one environment, with everything that a target needs to run it.

    `generation` grows with every release of the environment: a target that serves a higher one
    refuses. `archive` gives the `docker load` stream without the layers whose diff IDs it is
    given; `layers` are the image's diff IDs in order, empty when unknown (then nothing is left
    out). `secrets` are the values of the configuration's. `requests` are what the release has to
    answer, beside being ready, before it gets traffic and after. `migrated` is true once the
    database was brought to this build, so that the program need not do it when it starts.
    """

    site: Site
    release_id: str
    generation: int
    manifest_hash: str
    image_digest: str
    config_digest: str
    image_reference: str
    archive: Callable[[frozenset[str]], Iterator[bytes]]
    layers: tuple[str, ...] = ()
    configuration: Configuration = Configuration()
    secrets: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    requests: tuple[Request, ...] = ()
    migrated: bool = False

    @property
    def environ(self) -> dict[str, str]:
        """The environment variables of a container that runs it: who it is, and its settings.

        Of a secret it has the path of its file, as `NAME_FILE`.
        """
        secrets = self.configuration.secrets
        migrated = {"XTASK_MIGRATIONS": "applied"} if self.migrated else {}
        return {
            **self.configuration.variables,
            **{f"{name}_FILE": f"{SECRETS_FOLDER}/{name}" for name in secrets},
            **migrated,
            "XTASK_RELEASE_ID": self.release_id,
            "XTASK_MANIFEST_HASH": self.manifest_hash,
            "XTASK_IMAGE_DIGEST": self.image_digest,
        }

    def masked(self, text: str) -> str:
        """Return what a release has said without the values of its secrets."""
        spellings = {
            part.strip()
            for value in self.secrets.values()
            for whole in [value.decode(errors="replace")]
            for part in (whole, *whole.splitlines())
        }
        for spelling in sorted(spellings - {""}, key=len, reverse=True):
            text = text.replace(spelling, MASK)
        return text


class Migrated(NamedTuple):
    """What was done to a database, or would be: MODULE/NAME of each migration, in order.

    `backup` is the file beside the database that it was copied to before, if it was.
    """

    migrations: tuple[str, ...]
    backup: str | None = None


class Failed(NamedTuple):
    """A release that is undone: its traffic goes back to what served before it."""

    release_id: str
    generation: int


@dataclass(frozen=True, slots=True)
class Observed:
    """What was seen of an environment, each fact asked for by itself.

    `release_id` and `image_digest` are what answers on its port says of itself, empty when that is
    no release of ours, or nothing. `label` is the release that the engine is told to serve, and
    `task_digest` the image of the task that gets its traffic, as the engine knows it: by its
    config in one kind of store and by its manifest in another. Both are empty when there is none,
    and None when no engine could be asked. `started` is another text once what gets the traffic has
    ended and was started again, in whatever words the engine has for that.
    """

    release_id: str
    image_digest: str
    healthy: bool
    detail: str
    label: str | None = None
    task_digest: str | None = None
    started: str = ""
