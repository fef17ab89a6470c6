"""What a person is told when the database does not do what it was asked, whatever its driver."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xtask.errors import RefusedError, XtaskError

if TYPE_CHECKING:
    from xtask.records.values import Build, Hold, Release


def refused(said: str) -> RefusedError:
    """Return what to raise when a constraint forbids it."""
    return RefusedError(
        f"the records refuse it: {said}",
        help="look at `xtask status`: another process may have been faster",
    )


def held(where: str) -> RefusedError:
    """Return what to raise when another process holds the lock for too long."""
    return RefusedError(
        f"another process holds the records for too long ({where})",
        help="wait for the build or release that is running, then try again",
    )


def silent(said: str, where: str) -> XtaskError:
    """Return what to raise when the database does not answer."""
    return XtaskError(
        f"the records do not answer: {said} ({where})",
        help="check XTASK_DATABASE_URL, the disk and the server",
    )


def unknown(what: str) -> RefusedError:
    """Return what to raise when no build has a name."""
    return RefusedError(f"no build {what!r} is recorded", help="list them: `xtask builds`")


def removed(build: Build, at: str) -> RefusedError:
    """Return what to raise when the bytes of a build were collected at a moment."""
    return RefusedError(
        f"the bytes of build {build.id[:8]} were not needed and were removed ({at})",
        help="build the same commit again: it makes the same image",
    )


def on_hold(hold: Hold) -> RefusedError:
    """Return what to raise when an environment is held."""
    return RefusedError(
        f"{hold.environment} is held since {hold.created_at} by {hold.actor}: {hold.reason}",
        help="`promote … --lift-hold` ends it, or `xtask unhold` does",
    )


def way_out(taken: Release) -> str:
    """Return what somebody can do about a release that has an environment."""
    match taken.status:
        case "approved":
            return f"`xtask resume` begins it, `xtask cancel {taken.id}` takes it back"
        case "recovery_required":
            return f"mend what failed and `xtask resume`, or give it up: `xtask cancel {taken.id}`"
    return "wait until it ends; if its process is gone, `xtask resume`"
