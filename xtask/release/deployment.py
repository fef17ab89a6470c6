"""What a target is asked to run, and what it was seen running."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

READY_PATH: Final = "/readyz"
RELEASE_PATH: Final = "/api/_release"


@dataclass(frozen=True, slots=True)
class Deployment:
    """One release of one environment, with everything that a target needs to run it.

    `generation` grows with every release of the environment: a target that serves a higher one
    refuses. `port` is the loopback port on which the environment answers for ever. `archive` gives
    the `docker load` stream without the layers whose diff IDs it is given; `layers` are the image's
    diff IDs in order, empty when unknown (then nothing is left out).
    """

    app: str
    environment: str
    release_id: str
    generation: int
    manifest_hash: str
    image_digest: str
    config_digest: str
    image_reference: str
    port: int
    archive: Callable[[frozenset[str]], Iterator[bytes]]
    layers: tuple[str, ...] = ()


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
    and None when no engine could be asked.
    """

    release_id: str
    image_digest: str
    healthy: bool
    detail: str
    label: str | None = None
    task_digest: str | None = None
