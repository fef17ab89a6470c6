"""What the records say, as frozen values whose fields are columns of the tables.

Dates are UTC, ISO 8601 with milliseconds and `Z`, so that their text sorts by time.
"""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from uuid import UUID

BuildStatus = Literal["queued", "running", "succeeded", "failed", "cancelled"]
ReleaseStatus = Literal[
    "pending", "approved", "deploying", "verifying", "recovering", "active",
    "rejected", "cancelled", "failed", "superseded", "rolled_back", "recovery_required",
]  # fmt: skip
ReleaseKind = Literal["promote", "rollback", "redeploy"]
MigrationClass = Literal["none", "additive", "maintenance"]
HoldKind = Literal["environment", "retain"]


class BuildModule(NamedTuple):
    """One module of a build; the layer is known once the build has succeeded."""

    id: str
    version: str
    source_digest: str
    layer_digest: str | None = None


class ModulesDelta(NamedTuple):
    """How two module lists differ: versions by id, (before, after) for what both have."""

    added: Mapping[str, str]
    removed: Mapping[str, str]
    changed: Mapping[str, tuple[str, str]]

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> ModulesDelta:
        """Return the delta that `_asdict` and JSON had written."""
        return cls(
            added=dict(sorted(document["added"].items())),
            removed=dict(sorted(document["removed"].items())),
            changed={key: (old, new) for key, (old, new) in sorted(document["changed"].items())},
        )


class BuildRequest(NamedTuple):
    """Somebody wants a bundle of a manifest.

    Args:
        manifest_hash: of everything that can change the image.
        profile: `release` or `debug`.
        modules: what is built, without layers.
        actor: who wants it.
        reason: why, in words.
        revision: the commit that a worker checks out.
        priority: higher ones are claimed first.
    """

    manifest_hash: str
    profile: str
    modules: tuple[BuildModule, ...]
    actor: str
    reason: str = ""
    revision: str | None = None
    priority: int = 0


class Build(NamedTuple):
    """What is done to make one bundle; the digests are there exactly when it succeeded.

    `attempt` counts the builders that had it. `lease_token` grows with each of them: who writes
    under an older one is refused. `cancelled_by` is who wants it to end, before it has.
    """

    id: str
    status: BuildStatus
    stage: str
    progress: int
    profile: str
    manifest_hash: str
    image_digest: str | None
    config_digest: str | None
    image_ref: str | None
    bundle: str | None
    modules: tuple[BuildModule, ...]
    modules_delta: ModulesDelta
    requested_by: str
    reason: str
    revision: str | None
    priority: int
    attempt: int
    lease_owner: str | None
    lease_token: int
    lease_until: str | None
    cancelled_by: str | None
    error: str | None
    created_at: str
    started_at: str | None
    finished_at: str | None

    @classmethod
    def from_row(cls, row: Mapping[Any, Any]) -> Build:
        """Return the build of a row whose JSON columns are decoded; other columns are ignored."""
        values = {name: row[name] for name in cls._fields}
        values["modules"] = tuple(BuildModule(**module) for module in row["modules"])
        values["modules_delta"] = ModulesDelta.from_json(row["modules_delta"])
        return cls(**values)


class ReleaseRequest(NamedTuple):
    """Somebody wants a build to serve an environment.

    Args:
        environment: where.
        build_id: the whole id of a build that succeeded.
        target: what runs it there.
        port: the port on which it answers there.
        actor: who wants it.
        reason: why, in words.
        kind: a rollback restores an earlier release, a redeploy what is active.
        configuration: what the environment gives it, as canonical JSON.
        restores: for a rollback, the release that `rollback_plan` named.
        plan_digest: of everything that was looked at when it was decided.
        approvals: how many other people have to agree.
        migration_class: what it does to the database.
        passed_freeze: the freeze window that it passes.
        key: the same key is the same command, however often it is given.
        request_digest: of what the command asks for.
        lift_hold: when it begins it ends the hold that the environment has now.
        seen: the generation of what served when that was decided, 0 for nothing; None for whatever
            serves.
    """

    environment: str
    build_id: str
    target: str
    port: int
    actor: str
    reason: str
    kind: ReleaseKind = "promote"
    configuration: str | None = None
    restores: str | None = None
    plan_digest: str = ""
    approvals: int = 0
    migration_class: MigrationClass = "none"
    passed_freeze: str | None = None
    key: str | None = None
    request_digest: str | None = None
    lift_hold: bool = False
    seen: int | None = None


class Release(NamedTuple):
    """One attempt to make one build serve one environment.

    Generation, predecessor and module delta are those of the moment when its deployment began;
    before that there is no generation. `configuration` is the digest of what its environment gives
    it. `lease_token` grows with each process that takes it over.
    """

    id: str
    environment: str
    generation: int | None
    kind: ReleaseKind
    status: ReleaseStatus
    build_id: str
    manifest_hash: str
    image_digest: str
    target: str
    port: int
    configuration: str | None
    previous_release_id: str | None
    restores_release_id: str | None
    actor: str
    reason: str
    plan_digest: str
    approvals_needed: int
    migration_class: MigrationClass
    passed_freeze: str | None
    ends_hold_id: str | None
    modules_delta: ModulesDelta
    idempotency_key: str | None
    recovery_attempts: int
    lease_owner: str | None
    lease_token: int
    lease_until: str | None
    created_at: str
    deployed_at: str | None
    activated_at: str | None
    ended_at: str | None
    error: str | None

    @classmethod
    def from_row(cls, row: Mapping[Any, Any]) -> Release:
        """Return the release of a row whose JSON column is decoded; other columns are ignored."""
        values = {name: row[name] for name in cls._fields}
        values["modules_delta"] = ModulesDelta.from_json(row["modules_delta"])
        return cls(**values)


class Approval(NamedTuple):
    """One person's yes to one plan."""

    release_id: str
    actor: str
    reason: str
    at: str


class Hold(NamedTuple):
    """What must not change: an environment that was rolled back, or bytes that must stay.

    `manifest_hash` is what the environment was rolled back from, or what is retained.
    """

    id: str
    kind: HoldKind
    environment: str | None
    manifest_hash: str | None
    release_id: str | None
    actor: str
    reason: str
    created_at: str
    until: str | None
    lifted_by: str | None
    lifted_reason: str | None
    lifted_at: str | None


class Event(NamedTuple):
    """One line of the log: who did what to which subject; sealed into a chain of hashes.

    `facts` is the canonical JSON of what never changes about the subject. `seq` counts from 1
    without gaps; it and the hashes are there once the transaction that wrote the event sealed it.
    """

    id: int
    subject: str
    subject_id: str
    from_status: str | None
    to_status: str
    actor: str
    detail: str | None
    at: str
    facts: str | None
    seq: int | None
    prev_hash: str | None
    hash: str | None


class Tombstone(NamedTuple):
    """A bundle that nothing needed any more at a moment; its bytes may be gone since."""

    manifest_hash: str
    marked_by: str
    marked_at: str
    deleted_at: str | None


class Claim(NamedTuple):
    """Who does something, and how many seconds without a sign of life mean that they are gone."""

    owner: str
    seconds: float


class RollbackPlan(NamedTuple):
    """What a rollback would do: leave `active`, serve `build` as `target` did."""

    active: Release
    target: Release
    build: Build


def timestamp(moment: datetime) -> str:
    """Return a moment as the records write it, such as `2026-11-21T00:52:48.123Z`."""
    text = moment.astimezone(UTC).isoformat(timespec="milliseconds")
    return text.removesuffix("+00:00") + "Z"


def release_id(moment: datetime, unique: UUID) -> str:
    """Return `rel_<YYYYMMDD>_<HHMMSS>_<6 hex>`: readable, and distinct within one second."""
    return f"rel_{moment.astimezone(UTC):%Y%m%d_%H%M%S}_{unique.hex[:6]}"
