"""Every rule that holds even where somebody has dropped the triggers, broken."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import CheckConstraint, ForeignKeyConstraint, UniqueConstraint

from tests.records.constraints.test_triggers import BUILD, RELEASE, YES, updates
from xtask.digest import sha256
from xtask.records.tables import metadata

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.records.constraints.conftest import Scene

DIGEST = sha256(b"invented")
CHECKS = {
    "ck_environments_name": ["INSERT INTO environments (name, rank) VALUES ('', 1)"],
    "ck_builds_status": updates("builds", "queued", "status = 'paused'"),
    "ck_builds_stage": updates("builds", "running", "stage = 'test'"),
    "ck_builds_progress": updates("builds", "running", "progress = 101", "progress = -1"),
    "ck_builds_manifest_hash": updates(
        "builds", "queued", "manifest_hash = 'x'", f"manifest_hash = '{DIGEST}0'"
    ),
    "ck_builds_image_digest": updates("builds", "succeeded", "image_digest = 'x'"),
    "ck_builds_image": updates("builds", "queued", f"image_digest = '{DIGEST}'")
    + updates("builds", "succeeded", "image_digest = NULL"),
    "ck_builds_evidence": updates(
        "builds", "succeeded", "config_digest = NULL", "image_ref = NULL", "bundle = NULL"
    ),
    "ck_builds_error": updates("builds", "failed", "error = NULL"),
    "ck_builds_cancelled": updates("builds", "cancelled", "cancelled_by = NULL"),
    "ck_builds_finished": updates("builds", "queued", "finished_at = '2026'")
    + updates("builds", "failed", "finished_at = NULL"),
    "ck_builds_lease": updates("builds", "queued", "lease_owner = 'x'", "lease_until = 'x'")
    + updates("builds", "running", "lease_owner = NULL", "lease_until = NULL"),
    "ck_builds_attempt": updates("builds", "running", "attempt = 4", "attempt = -1"),
    "ck_builds_requested_by": updates("builds", "queued", "requested_by = ''"),
    "ck_build_lines_number": ["UPDATE build_lines SET number = 0"],
    "ck_configurations_digest": ["UPDATE configurations SET digest = 'x'"],
    "ck_releases_kind": updates("releases", "active", "kind = 'x'"),
    "ck_releases_status": updates("releases", "lost", "status = 'x'"),
    "ck_releases_migration_class": updates("releases", "active", "migration_class = 'x'"),
    "ck_releases_generation": updates("releases", "active", "generation = 0"),
    "ck_releases_deployed": updates("releases", "active", "generation = NULL", "deployed_at = NULL")
    + updates(
        "releases", "pending", "generation = 9, deployed_at = 'x'", "deployed_at = 'x'",
        "previous_release_id = 'x'",
    ),
    "ck_releases_restores": updates(
        "releases", "active", "kind = 'rollback'", "restores_release_id = 'x'"
    ),
    "ck_releases_leaves": updates(
        "releases", "active", "kind = 'redeploy', previous_release_id = NULL"
    ),
    "ck_releases_itself": updates(
        "releases", "active", "previous_release_id = id",
        "kind = 'rollback', restores_release_id = id",
    ),
    "ck_releases_elsewhere": updates(
        "releases", "active", "kind = 'rollback', restores_release_id = previous_release_id"
    ),
    "ck_releases_approvals_needed": updates("releases", "active", "approvals_needed = -1"),
    "ck_releases_at_once": updates("releases", "pending", "kind = 'redeploy'"),
    "ck_releases_ends_hold": updates(
        "releases", "active", "kind = 'redeploy', ends_hold_id = 'one'"
    ),
    "ck_releases_request": updates(
        "releases", "active", "idempotency_key = 'x'", "request_digest = 'x'"
    ),
    "ck_releases_recovery_attempts": updates(
        "releases", "active", "recovery_attempts = 2", "recovery_attempts = -1"
    ),
    "ck_releases_recovery": updates("releases", "lost", "recovery_attempts = 0"),
    "ck_releases_lease": updates("releases", "active", "lease_owner = 'x'", "lease_until = 'x'")
    + updates("releases", "deploying", "lease_owner = NULL", "lease_until = NULL"),
    "ck_releases_actor": updates("releases", "active", "actor = ''"),
    "ck_releases_reason": updates("releases", "active", "reason = ' '"),
    "ck_releases_activated": updates("releases", "active", "activated_at = NULL")
    + updates("releases", "deploying", "activated_at = 'x'"),
    "ck_releases_ended": updates("releases", "active", "ended_at = 'x'")
    + updates("releases", "superseded", "ended_at = NULL"),
    "ck_releases_error": updates("releases", "rejected", "error = NULL"),
    "ck_approvals_actor": ["UPDATE approvals SET actor = ''"],
    "ck_holds_kind": updates("holds", "retained", "kind = 'x'"),
    "ck_holds_environment": updates("holds", "retained", "environment = 'prod'")
    + updates("holds", "held", "environment = NULL"),
    "ck_holds_retained": updates("holds", "retained", "manifest_hash = NULL"),
    "ck_holds_reason": updates("holds", "retained", "reason = ' '", "actor = ''"),
    "ck_holds_lifted": updates("holds", "held", "lifted_at = 'x'", "lifted_by = 'x'")
    + updates("holds", "lifted", "lifted_reason = NULL"),
    "ck_events_sealed": [
        f"UPDATE events SET {column} = NULL WHERE seq = 1"  # noqa: S608 - the attack itself
        for column in ("seq", "prev_hash", "hash", "facts")
    ],
}  # fmt: skip
LINKS = {
    "fk_build_lines_build_id": ["UPDATE build_lines SET build_id = 'x'"],
    "fk_releases_environment": updates("releases", "pending", "environment = 'mars'"),
    # Of a build without image, and with digests other than the build's.
    "fk_releases_configuration": updates("releases", "pending", "configuration = 'x'"),
    "fk_releases_build_id": updates(
        "releases", "pending", "build_id = :running", f"image_digest = '{DIGEST}'",
        f"manifest_hash = '{DIGEST}'",
    ),
    # The predecessor is of the same environment.
    "fk_releases_previous_release_id": updates(
        "releases", "active", "previous_release_id = :staged", "previous_release_id = 'x'"
    ),
    # What a rollback restores is of the same environment, and of the same build.
    "fk_releases_restores_release_id": updates(
        "releases", "active", "kind = 'rollback', restores_release_id = :staged",
        "kind = 'rollback', restores_release_id = :rejected",
    ),
    "fk_approvals_release_id": [
        "UPDATE approvals SET plan_digest = 'another plan'",
        "UPDATE approvals SET release_id = 'x'",
    ],
    "fk_holds_environment": updates("holds", "held", "environment = 'mars'"),
    "fk_holds_release_id": updates("holds", "held", "release_id = 'x'"),
    # Only what is allowed to happen can have happened.
    "fk_events_subject": [
        "UPDATE events SET from_status = 'failed', to_status = 'succeeded' WHERE seq = 2",
    ],
    "fk_outbox_event_id": ["INSERT INTO outbox (event_id, created_at) VALUES (9999, '2026')"],
}  # fmt: skip
TWICE = {
    "one_live_build": BUILD.format(status="queued", hash="manifest_hash", finished="NULL"),
    "one_active_release": "UPDATE releases SET status = 'active', activated_at = '2026',"
    " ended_at = NULL WHERE id = :superseded",
    "one_release_in_flight": "UPDATE releases SET environment = 'us', status = 'approved'"
    " WHERE id = :pending",
    "one_hold_of_environment": "INSERT INTO holds (id, kind, environment, actor, reason,"
    " created_at) SELECT 'twin', kind, environment, 'eve', 'x', '2026' FROM holds WHERE id = :held",
    "uq_releases_environment_generation": "UPDATE releases SET generation = 1 WHERE id = :active",
    "uq_releases_environment_idempotency_key": "UPDATE releases SET idempotency_key = 'k',"
    " request_digest = 'x' WHERE id IN (:active, :superseded)",
    "uq_events_seq": "UPDATE events SET seq = 1 WHERE seq = 2",
    "pk_approvals": YES.format(actor="bob", release=":pending"),
}
# Their first column alone is the primary key: they are there for foreign keys to point at.
POINTED_AT = {
    "uq_builds_id_manifest_hash_image_digest", "uq_releases_id_environment",
    "uq_releases_id_environment_build_id", "uq_releases_id_plan_digest",
}  # fmt: skip


def names(kind: type) -> Iterator[str]:
    for table in metadata.tables.values():
        yield from (str(each.name) for each in table.constraints if isinstance(each, kind))


def test_every_constraint_has_its_attacks() -> None:
    assert set(CHECKS) == set(names(CheckConstraint))
    assert set(LINKS) == set(names(ForeignKeyConstraint))
    unique = {str(each.name) for table in metadata.tables.values() for each in table.indexes
              if each.unique}  # fmt: skip
    assert set(TWICE) - {"pk_approvals"} == (unique | set(names(UniqueConstraint))) - POINTED_AT


@pytest.mark.parametrize(
    ("name", "attack"), [(name, each) for name, attacks in CHECKS.items() for each in attacks]
)
def test_the_check_refuses(scene: Scene, name: str, attack: str) -> None:
    scene.refuses(name, attack, without_triggers=True)


@pytest.mark.parametrize(
    ("name", "attack"), [(name, each) for name, attacks in LINKS.items() for each in attacks]
)
def test_the_link_is_held(scene: Scene, name: str, attack: str) -> None:
    message = "FOREIGN KEY constraint failed" if scene.is_sqlite else name
    scene.refuses(message, attack, without_triggers=True)


@pytest.mark.parametrize(("name", "attack"), TWICE.items())
def test_there_are_no_two_of_it(scene: Scene, name: str, attack: str) -> None:
    message = "UNIQUE constraint failed" if scene.is_sqlite else name
    scene.refuses(message, attack, without_triggers=True)


def test_the_raw_insertion_of_these_attacks_is_well_formed(scene: Scene) -> None:
    scene.allows(RELEASE.format(status="pending", columns="error", values="NULL"))
