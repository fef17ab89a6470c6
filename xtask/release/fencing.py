"""Who gives way: the rule by which every target refuses a deployer that comes too late.

`front.py` says the same of its file, in a container where there is nothing else of ours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from xtask.errors import RefusedError

if TYPE_CHECKING:
    from xtask.release.deployment import Deployment, Failed


class Pointer(NamedTuple):
    """The release that gets an environment's traffic, whose generation put it there, and the port.

    The generation is that of the release itself, or of one that was undone for it.
    """

    release_id: str
    generation: int
    port: int = 0


def is_past(held: Pointer | None, deployment: Deployment, undoing: Failed | None) -> bool:
    """Return whether what serves is newer than a deployment, or of another history.

    It is neither where it is the one that is undone, or what came before that.
    """
    if held is None or held.generation < deployment.generation:
        return False
    if undoing and held.generation < undoing.generation:
        return False
    return held[:2] != undoing and held.release_id != deployment.release_id


def gives_way(held: Pointer, wanted: Pointer, undoing: Failed | None) -> bool:
    """Return whether one pointer may take the place of another."""
    if held.generation == wanted.generation:
        theirs = {wanted.release_id, *([undoing.release_id] if undoing else [])}
        return held.release_id in theirs
    return held.generation < wanted.generation


def overtaken(deployment: Deployment, held: Pointer | None, *, ends: str) -> RefusedError:
    """Return the refusal of a deployment; `ends` are the commands that end what serves."""
    site = deployment.site
    by = (
        f"release {held.release_id}, generation {held.generation}"
        if held
        else "a release of the same or a higher generation"
    )
    return RefusedError(
        f"{by}, serves {site.app} in {site.environment}; "
        f"{deployment.release_id} has generation {deployment.generation}",
        help="look with `xtask status`. If these records are new and should take over, end what "
        f"serves: {ends}",
    )
