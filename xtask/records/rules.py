"""The state machine of builds and releases; pure: no clock, no database.

    build    queued ─▶ running ─▶ succeeded | failed | cancelled
                │ ▲       │
                │ └───────┘ its lease ran out
                └─▶ cancelled | failed

    release  pending ─▶ approved ─▶ deploying ─▶ verifying ─▶ active ─▶ superseded   by another
                │          │            │            │           └────▶ rolled_back  by a rollback
                └──────────┤            └─▶ failed   └─▶ recovering ─▶ failed
                           └─▶ rejected | cancelled          └─▶ recovery_required
                                                                      └─▶ failed | active

While a release is `deploying` nothing that served was touched. From `verifying` on traffic may
have moved: the one way back leads through `recovering`, once.

The same pairs are rows and triggers in the database: what this file refuses with a sentence,
the schema refuses to everybody.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from xtask.errors import RefusedError
from xtask.records.values import ModulesDelta

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from xtask.records.values import BuildModule, BuildStatus, Release, ReleaseStatus

BUILD_TRANSITIONS: frozenset[tuple[BuildStatus, BuildStatus]] = frozenset({
    ("queued", "running"),
    ("queued", "cancelled"),
    ("queued", "failed"),
    ("running", "queued"),
    ("running", "succeeded"),
    ("running", "failed"),
    ("running", "cancelled"),
})  # fmt: skip
RELEASE_TRANSITIONS: frozenset[tuple[ReleaseStatus, ReleaseStatus]] = frozenset({
    ("pending", "approved"),
    ("pending", "rejected"),
    ("pending", "cancelled"),
    ("approved", "deploying"),
    ("approved", "rejected"),
    ("approved", "cancelled"),
    ("deploying", "verifying"),
    ("deploying", "failed"),
    ("verifying", "active"),
    ("verifying", "recovering"),
    ("recovering", "failed"),
    ("recovering", "recovery_required"),
    ("recovery_required", "failed"),
    ("recovery_required", "active"),
    ("active", "superseded"),
    ("active", "rolled_back"),
})  # fmt: skip

# In the order in which a build takes them; it never goes back to an earlier one while one builder
# has it.
BUILD_STAGES = (
    "queued", "started", "checkout", "secrets", "generate", "package", "layers", "check", "image",
    "attest", "record", "publish", "complete",
)  # fmt: skip
MAX_ATTEMPTS = 3
"""How many builders may lose a build before it has failed."""

FIRST_BUILD: tuple[BuildStatus, ...] = ("queued", "running")
LIVE: tuple[BuildStatus, ...] = ("queued", "running", "succeeded")
FINISHED: tuple[BuildStatus, ...] = ("succeeded", "failed", "cancelled")

# Waiting for approvals holds nothing: only these own the environment.
IN_FLIGHT: tuple[ReleaseStatus, ...] = (
    "approved", "deploying", "verifying", "recovering", "recovery_required",
)  # fmt: skip
# Somebody is at work, under a lease.
LEASED: tuple[ReleaseStatus, ...] = ("deploying", "verifying", "recovering")
BEFORE_DEPLOYMENT: tuple[ReleaseStatus, ...] = ("pending", "approved", "rejected", "cancelled")
ONCE_ACTIVE: tuple[ReleaseStatus, ...] = ("active", "superseded", "rolled_back")
ENDED: tuple[ReleaseStatus, ...] = (
    "rejected", "cancelled", "failed", "superseded", "rolled_back",
)  # fmt: skip


def require_build_transition(build_id: str, before: BuildStatus, after: BuildStatus) -> None:
    """Raise RefusedError unless a build may go from one status to the other."""
    if (before, after) not in BUILD_TRANSITIONS:
        raise RefusedError(f"build {build_id} is {before} and cannot become {after}")


def require_release_transition(
    release_id: str, before: ReleaseStatus, after: ReleaseStatus
) -> None:
    """Raise RefusedError unless a release may go from one status to the other."""
    if (before, after) not in RELEASE_TRANSITIONS:
        raise RefusedError(f"release {release_id} is {before} and cannot become {after}")


def ends_as(successor: Release) -> Literal["superseded", "rolled_back"]:
    """Return what the active release becomes when `successor` takes its place."""
    return "rolled_back" if successor.kind == "rollback" else "superseded"


def serving(active: Release | None) -> int:
    """Return the generation of what serves, 0 for nothing."""
    return (active.generation or 0) if active else 0


def rollback_target(active: Release, find: Callable[[str], Release]) -> Release | None:
    """Return the release that a rollback of `active` restores, or None when there is none.

    The direct predecessor; when `active` is itself a rollback, the predecessor of what it
    restored, so that a second rollback walks further back. Passed over is what never served, and
    every image that was rolled back when it served last: it is left for good until somebody
    promotes it again.

    Args:
        active: what serves now.
        find: gives any release of the same environment by its id.
    """
    # How each image ended when it served last, down to `seen`.
    ends: dict[str, ReleaseStatus] = {active.image_digest: "rolled_back"}
    seen, release = active, _before(active, find)
    while release:
        while seen.id != release.id and seen.previous_release_id:
            seen = find(seen.previous_release_id)
            ends.setdefault(seen.image_digest, seen.status)
        if release.status == ends[release.image_digest] == "superseded":
            return release
        release = _before(release, find)
    return None


def rollback_window(
    active: Release, find: Callable[[str], Release], steps: int
) -> tuple[Release, ...]:
    """Return what this many rollbacks in a row would restore, the next one first.

    Args:
        active: what serves now.
        find: gives any release of the same environment by its id.
        steps: how many.
    """
    imagined: dict[str, Release] = {}

    def known(release_id: str) -> Release:
        return imagined.get(release_id) or find(release_id)

    window: list[Release] = []
    while len(window) < steps and (back := rollback_target(active, known)):
        window.append(back)
        imagined[active.id] = active._replace(status="rolled_back")
        after = active._replace(
            id=f"after {active.id}",
            kind="rollback",
            image_digest=back.image_digest,
            previous_release_id=active.id,
            restores_release_id=back.id,
        )
        imagined[after.id] = active = after
    return tuple(window)


def modules_delta(before: Iterable[BuildModule], after: Iterable[BuildModule]) -> ModulesDelta:
    """Return what was added, removed and changed; new sources under an old version are a change."""
    old = {module.id: module for module in before}
    new = {module.id: module for module in after}
    return ModulesDelta(
        added={key: new[key].version for key in sorted(new.keys() - old.keys())},
        removed={key: old[key].version for key in sorted(old.keys() - new.keys())},
        changed={
            key: (old[key].version, new[key].version)
            for key in sorted(old.keys() & new.keys())
            if _content(old[key]) != _content(new[key])
        },
    )


def _before(release: Release, find: Callable[[str], Release]) -> Release | None:
    """Return what came before `release`, or before what it restored when it is a rollback."""
    while release.restores_release_id is not None:
        release = find(release.restores_release_id)
    return find(release.previous_release_id) if release.previous_release_id else None


def _content(module: BuildModule) -> tuple[str, str]:
    return module.version, module.source_digest
