"""Rows of the records as values, with one of everything, for tests to change in some of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from xtask.records.values import Build, ModulesDelta, Release, timestamp

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
NOTHING = ModulesDelta({}, {}, {})


def before(**ago: float) -> str:
    return timestamp(NOW - timedelta(**ago))


def build(name: str = "b") -> Build:
    return Build(
        id=name * 36, status="succeeded", stage="complete", progress=100, profile="release",
        manifest_hash="sha256:" + name * 64, image_digest="sha256:" + name * 64,
        config_digest="", image_ref="", bundle="", modules=(), modules_delta=NOTHING,
        requested_by="ann", reason="", revision=None, priority=0, attempt=1, lease_owner=None,
        lease_token=1, lease_until=None, cancelled_by=None, error=None, created_at=before(days=9),
        started_at=None, finished_at=None,
    )  # fmt: skip


def release(name: str, **changes: Any) -> Release:
    found = Release(
        id=f"rel_{name}", environment="staging", generation=1, kind="promote", status="active",
        build_id="b" * 36, manifest_hash="", image_digest="", target="record", port=1,
        configuration=None, previous_release_id=None, restores_release_id=None, actor="ann",
        reason="it is time",
        plan_digest="", approvals_needed=0, migration_class="none", passed_freeze=None,
        ends_hold_id=None,
        modules_delta=NOTHING, idempotency_key=None, recovery_attempts=0, lease_owner=None,
        lease_token=0, lease_until=None, created_at=before(days=8), deployed_at=before(days=8),
        activated_at=before(days=8), ended_at=None, error=None,
    )  # fmt: skip
    return found._replace(**changes)
