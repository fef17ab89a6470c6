"""What the records say, as frozen values whose fields are columns of the tables.

Dates are UTC, ISO 8601 with milliseconds and `Z`, so that their text sorts by time.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import UTC
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from uuid import UUID

BuildStatus = Literal["queued", "running", "succeeded", "failed", "cancelled"]
ReleaseStatus = Literal[
    "pending", "deploying", "verifying", "active",
    "failed", "superseded", "rolled_back", "recovery_required",
]  # fmt: skip
ReleaseKind = Literal["promote", "rollback"]


@dataclass(frozen=True, slots=True)
class BuildModule:
    """One module of a build; the layer is known once the build has succeeded."""

    id: str
    version: str
    source_digest: str
    layer_digest: str | None = None


@dataclass(frozen=True, slots=True)
class ModulesDelta:
    """How two module lists differ: versions by id, (before, after) for what both have."""

    added: Mapping[str, str]
    removed: Mapping[str, str]
    changed: Mapping[str, tuple[str, str]]

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> ModulesDelta:
        """Return the delta that `dataclasses.asdict` and JSON had written."""
        return cls(
            added=dict(sorted(document["added"].items())),
            removed=dict(sorted(document["removed"].items())),
            changed={key: (old, new) for key, (old, new) in sorted(document["changed"].items())},
        )


@dataclass(frozen=True, slots=True)
class Build:
    """One attempt to make a bundle; the digests are there exactly when it succeeded."""

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
    error: str | None
    created_at: str
    finished_at: str | None

    @classmethod
    def from_row(cls, row: Mapping[Any, Any]) -> Build:
        """Return the build of a row whose JSON columns are decoded; other columns are ignored."""
        values = {field.name: row[field.name] for field in fields(cls)}
        values["modules"] = tuple(BuildModule(**module) for module in row["modules"])
        values["modules_delta"] = ModulesDelta.from_json(row["modules_delta"])
        return cls(**values)


@dataclass(frozen=True, slots=True)
class Release:
    """One attempt to make one build serve one environment."""

    id: str
    environment: str
    generation: int
    kind: ReleaseKind
    status: ReleaseStatus
    build_id: str
    manifest_hash: str
    image_digest: str
    target: str
    port: int
    previous_release_id: str | None
    restores_release_id: str | None
    actor: str
    reason: str
    modules_delta: ModulesDelta
    created_at: str
    activated_at: str | None
    ended_at: str | None
    error: str | None

    @classmethod
    def from_row(cls, row: Mapping[Any, Any]) -> Release:
        """Return the release of a row whose JSON column is decoded; other columns are ignored."""
        values = {field.name: row[field.name] for field in fields(cls)}
        values["modules_delta"] = ModulesDelta.from_json(row["modules_delta"])
        return cls(**values)


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
