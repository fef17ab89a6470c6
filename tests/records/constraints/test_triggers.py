"""Every change that a trigger refuses, tried; and what stands beside it and is allowed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.records.conftest import only_on
from xtask.records import triggers
from xtask.records.chain import GENESIS

if TYPE_CHECKING:
    from tests.records.constraints.conftest import Scene

RELEASE = (
    "INSERT INTO releases (id, environment, kind, status, build_id, manifest_hash, image_digest,"
    " target, port, actor, reason, plan_digest, approvals_needed, migration_class, modules_delta,"
    " recovery_attempts, lease_token, created_at, updated_by, updated_at, {columns})"
    " SELECT 'rel_attack', 'prod', 'promote', '{status}', id, manifest_hash, image_digest,"
    " 'record', 8080, 'eve', 'attack', '', 0, 'none', modules_delta, 0, 0, '2026', 'eve', '2026',"
    " {values} FROM builds WHERE id = :succeeded"
)
BUILD = (
    "INSERT INTO builds (id, status, stage, progress, profile, manifest_hash, modules,"
    " modules_delta, requested_by, reason, priority, attempt, lease_token, created_at, updated_by,"
    " updated_at, finished_at, error) SELECT 'twin', '{status}', stage, 0, profile, {hash},"
    " modules, modules_delta, 'eve', 'attack', 0, 0, 0, '2026', 'eve', '2026', {finished}, 'x'"
    " FROM builds WHERE id = :succeeded"
)
YES = (
    "INSERT INTO approvals (release_id, actor, plan_digest, reason, at)"
    " SELECT id, '{actor}', plan_digest, '', '2026' FROM releases WHERE id = {release}"
)


def updates(table: str, row: str, *changes: str) -> list[str]:
    return [f"UPDATE {table} SET {change} WHERE id = :{row}" for change in changes]  # noqa: S608 - the attack


ATTACKS = {
    "builds_start": [BUILD.format(status="failed", hash="'x'", finished="'2026'")],
    "builds_identity": updates(
        "builds", "running", "id = 'x'", "profile = 'debug'", "manifest_hash = 'x'",
        "modules_delta = '{}'", "requested_by = 'eve'", "reason = 'x'", "revision = 'x'",
        "priority = 9", "created_at = 'x'",
    ),
    "builds_final": [
        *updates("builds", "succeeded", "image_digest = 'x'", "bundle = 'x'", "error = 'x'"),
        *updates("builds", "failed", "error = 'x'", "lease_token = 9"),
        *updates("builds", "cancelled", "cancelled_by = 'eve'"),
    ],
    "builds_status": updates("builds", "queued", "status = 'succeeded'", "status = 'no such'"),
    "builds_progress": updates("builds", "running", "progress = 49"),
    "builds_stage": updates("builds", "running", "stage = 'package'", "stage = 'queued'"),
    "builds_fence": updates("builds", "running", "lease_token = 0"),
    "builds_kept": ["DELETE FROM builds WHERE id = :queued"],
    "build_lines_written": ["UPDATE build_lines SET line = 'x'", "UPDATE build_lines SET at = 'x'"],
    "configurations_kept": ["DELETE FROM configurations"],
    "configurations_written": [
        "UPDATE configurations SET content = 'x'", "UPDATE configurations SET digest = 'x'"
    ],
    "releases_start": [
        RELEASE.format(status=status, columns=f"{column}_at", values="'2026'")
        for status, column in (
            ("deploying", "deployed"), ("active", "activated"), ("superseded", "ended")
        )
    ],
    "releases_identity": updates(
        "releases", "active", "id = 'rel_x'", "environment = 'staging'", "kind = 'redeploy'",
        "build_id = 'x'", "manifest_hash = 'x'", "image_digest = 'x'", "target = 'x'", "port = 1",
        "configuration = 'x'",
        "restores_release_id = 'x'", "actor = 'eve'", "reason = 'x'", "plan_digest = 'x'",
        "approvals_needed = 1", "migration_class = 'additive'", "ends_hold_id = 'x'",
        "idempotency_key = 'x'", "request_digest = 'x'", "created_at = 'x'",
    ),
    "releases_frozen": updates(
        "releases", "active", "generation = 7", "previous_release_id = NULL",
        "modules_delta = '{}'", "passed_freeze = 'x'", "deployed_at = 'x'",
    ) + updates("releases", "pending", "passed_freeze = 'x'", "modules_delta = '{}'"),
    "releases_activated": updates("releases", "active", "activated_at = 'x'")
    + updates("releases", "pending", "activated_at = 'x'"),
    "releases_final": updates("releases", "superseded", "error = 'x'", "ended_at = 'x'")
    + updates("releases", "rejected", "error = 'x'", "lease_token = 9"),
    "releases_status": [
        *updates("releases", "deploying", "status = 'active'", "status = 'recovering'"),
        *updates("releases", "active", "status = 'failed'", "status = 'no such'"),
    ],
    "releases_approved": updates("releases", "pending", "status = 'approved'"),
    "releases_recovery": updates("releases", "lost", "recovery_attempts = 0")
    + updates("releases", "active", "recovery_attempts = 1"),
    "releases_fence": updates("releases", "deploying", "lease_token = 0"),
    "releases_kept": ["DELETE FROM releases WHERE id = :pending"],
    "approvals_asked": [
        YES.format(actor="carol", release=f":{which}") for which in ("active", "approved")
    ],
    "approvals_other": [YES.format(actor="ann", release=":pending")],
    "approvals_given": [
        f"UPDATE approvals SET {change}"  # noqa: S608 - the attack itself
        for change in ("actor = 'carol'", "reason = 'x'", "plan_digest = 'x'", "at = 'x'")
    ],
    "approvals_kept": ["DELETE FROM approvals"],
    "holds_identity": updates(
        "holds", "held", "id = 'x'", "kind = 'retain'", "environment = 'us'",
        "manifest_hash = 'x'", "release_id = NULL", "actor = 'eve'", "reason = 'x'",
        "created_at = 'x'", "until = 'x'",
    ),
    "holds_lifted": updates("holds", "lifted", "lifted_at = NULL", "lifted_by = 'eve'"),
    "holds_kept": ["DELETE FROM holds WHERE id = :lifted"],
    "events_identity": [
        f"UPDATE events SET {change} WHERE seq = 1"  # noqa: S608 - the attack itself
        for change in (
            "subject = 'hold'", "subject_id = 'x'", "from_status = 'queued'", "to_status = 'x'",
            "actor = 'eve'", "detail = 'x'", "at = 'x'",
        )
    ],
    "events_sealed": [
        f"UPDATE events SET {change} WHERE seq = 2"  # noqa: S608 - the attack itself
        for change in ("facts = '{}'", "seq = 9999", f"prev_hash = '{GENESIS}'", "hash = NULL")
    ],
    "events_kept": ["DELETE FROM events WHERE seq = 1"],
    "outbox_kept": ["DELETE FROM outbox"],
    "transitions_kept": ["DELETE FROM transitions"],
}  # fmt: skip
# Another builder starts at the beginning.
OTHER_BUILDER = "stage = 'started', progress = 0, lease_token = lease_token + 1"
ALLOWED = [
    updates("builds", "running", "stage = 'layers', progress = 50", "stage = 'image'"),
    updates("builds", "running", OTHER_BUILDER),
    [
        YES.format(actor="carol", release=":pending"),
        *updates("releases", "pending", "status = 'approved'"),
    ],
    updates("holds", "held", "lifted_by = 'ann', lifted_reason = 'seen', lifted_at = '2026'"),
    updates("releases", "deploying", "lease_token = 2", "lease_until = '2027'"),
]


def test_every_refusal_has_its_attacks() -> None:
    assert set(ATTACKS) == {refusal.name for refusal in triggers.REFUSALS}


@pytest.mark.parametrize(
    ("name", "attack"), [(name, each) for name, attacks in ATTACKS.items() for each in attacks]
)
def test_the_trigger_refuses(scene: Scene, name: str, attack: str) -> None:
    (message,) = (refusal.message for refusal in triggers.REFUSALS if refusal.name == name)
    scene.refuses(message, attack)


@pytest.mark.parametrize("statements", ALLOWED)
def test_what_keeps_the_rules_is_allowed(scene: Scene, statements: list[str]) -> None:
    scene.allows(*statements)


@only_on("postgresql", "scene")  # SQLite has no TRUNCATE
@pytest.mark.parametrize("table", triggers.NEVER_TRUNCATED)
def test_what_was_recorded_is_never_truncated(scene: Scene, table: str) -> None:
    scene.refuses("never truncated", f"TRUNCATE {table} CASCADE")


@only_on("sqlite", "scene")
def test_replacing_a_row_is_deleting_it(scene: Scene) -> None:
    copy = "INSERT OR REPLACE INTO {0} SELECT * FROM {0}"
    for table, message in (("approvals", "an approval"), ("holds", "a hold")):
        scene.refuses(f"{message} is never deleted|only a pending", copy.format(table))
