"""What the schema refuses to everybody: each attack is raw SQL, past every check in Python."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import exc, text

from xtask.digest import sha256

if TYPE_CHECKING:
    from tests.records.conftest import Shop
    from xtask.records.store import Records
    from xtask.records.values import Build, Release

COLUMNS = (
    "id, environment, generation, kind, status, build_id, manifest_hash, image_digest, target,"
    " port, previous_release_id, restores_release_id, actor, reason, modules_delta, created_at,"
    " updated_by, updated_at"
)
NOTHING = '{"added": {}, "changed": {}, "removed": {}}'
PARAMETERS = ", ".join(f":{name}" for name in COLUMNS.split(", "))
INSERTION = f"INSERT INTO releases ({COLUMNS}) VALUES ({PARAMETERS})"  # noqa: S608 - constants


def attack(records: Records, statement: str, **values: object) -> None:
    with records.engine.begin() as connection:
        connection.execute(text(statement), values)


def refused(records: Records, message: str, statement: str, **values: object) -> None:
    with pytest.raises(exc.IntegrityError, match=f"(?i){message}"):
        attack(records, statement, **values)


def row(build: Build, **changes: object) -> dict[str, object]:
    return {
        "id": "rel_attack", "environment": "prod", "generation": 90, "kind": "promote",
        "status": "deploying", "build_id": build.id, "manifest_hash": build.manifest_hash,
        "image_digest": build.image_digest, "target": "record", "port": 8080,
        "previous_release_id": None,
        "restores_release_id": None, "actor": "eve", "reason": "attack", "modules_delta": NOTHING,
        "created_at": "2026", "updated_by": "eve", "updated_at": "2026", **changes,
    }  # fmt: skip


@pytest.fixture
def chain(shop: Shop) -> tuple[Release, Release]:
    """A superseded release and the active one."""
    first = shop.promoted(shop.built("a"))
    shop.promoted(shop.built("b"))
    return shop.records.release(first.id), shop.records.active_release("prod")


def test_the_raw_insertion_of_these_attacks_is_well_formed(shop: Shop) -> None:
    attack(shop.records, INSERTION, **row(shop.built("a")))
    assert shop.records.in_flight("prod").id == "rel_attack"


@pytest.mark.usefixtures("chain")
def test_r6_refuses_a_second_active_release(shop: Shop) -> None:
    release = shop.begun(shop.built("c"))
    shop.records.verify_release(release)
    refused(
        shop.records, "one_active|unique.*environment",
        "UPDATE releases SET status = 'active', activated_at = '2026' WHERE id = :id",
        id=release.id,
    )  # fmt: skip


def test_refuses_a_second_release_in_flight(shop: Shop) -> None:
    build = shop.built("a")
    shop.begun(build)
    refused(shop.records, "one_release_in_flight|unique", INSERTION, **row(build))


@pytest.mark.parametrize("status", ["active", "verifying", "failed", "superseded"])
def test_refuses_a_release_that_does_not_start_at_the_start(shop: Shop, status: str) -> None:
    values = row(shop.built("a"), status=status)
    refused(shop.records, "starts pending or deploying", INSERTION, **values)


def test_refuses_a_predecessor_of_another_environment(shop: Shop) -> None:
    build = shop.built("a")
    staged = shop.promoted(build, "staging")
    values = row(build, previous_release_id=staged.id)
    refused(shop.records, "foreign key", INSERTION, **values)


def test_refuses_a_release_of_a_build_without_image(shop: Shop) -> None:
    build = shop.running("a")
    values = row(build, image_digest=sha256(b"invented"))
    refused(shop.records, "foreign key", INSERTION, **values)


@pytest.mark.parametrize("column", ["image_digest", "manifest_hash"])
def test_refuses_a_digest_other_than_the_builds(shop: Shop, column: str) -> None:
    values = row(shop.built("a"), **{column: sha256(b"other")})
    refused(shop.records, "foreign key", INSERTION, **values)


def test_refuses_a_rollback_without_target_and_a_promotion_with_one(
    shop: Shop, chain: tuple[Release, Release]
) -> None:
    first, active = chain
    build = shop.records.build(first.build_id)
    without = row(build, kind="rollback", previous_release_id=active.id)
    refused(shop.records, "ck_releases_restores", INSERTION, **without)
    within = row(build, previous_release_id=active.id, restores_release_id=first.id)
    refused(shop.records, "ck_releases_restores", INSERTION, **within)


def test_refuses_a_rollback_to_another_build_than_its_targets(
    shop: Shop, chain: tuple[Release, Release]
) -> None:
    first, active = chain
    values = row(
        shop.records.build(active.build_id), kind="rollback",
        previous_release_id=active.id, restores_release_id=first.id,
    )  # fmt: skip
    refused(shop.records, "foreign key", INSERTION, **values)


def test_refuses_a_rollback_to_what_it_leaves(shop: Shop, chain: tuple[Release, Release]) -> None:
    _, active = chain
    values = row(
        shop.records.build(active.build_id), kind="rollback",
        previous_release_id=active.id, restores_release_id=active.id,
    )  # fmt: skip
    refused(shop.records, "ck_releases_elsewhere", INSERTION, **values)


def test_refuses_a_release_that_is_its_own_predecessor(shop: Shop) -> None:
    values = row(shop.built("a"), previous_release_id="rel_attack")
    refused(shop.records, "ck_releases_itself", INSERTION, **values)


@pytest.mark.parametrize(("column", "value"), [("actor", ""), ("reason", " "), ("generation", 0)])
def test_refuses_a_release_without_author_reason_or_place(
    shop: Shop, column: str, value: object
) -> None:
    values = row(shop.built("a"), **{column: value})
    refused(shop.records, f"ck_releases_{column}", INSERTION, **values)


def test_refuses_two_releases_of_one_generation(shop: Shop, chain: tuple[Release, Release]) -> None:
    _, active = chain
    values = row(shop.records.build(active.build_id), generation=active.generation)
    refused(shop.records, "unique", INSERTION, **values)


@pytest.mark.parametrize(
    "change",
    [
        "environment = 'staging'", "generation = 7", "kind = 'rollback'", "build_id = 'x'",
        "manifest_hash = 'x'", "image_digest = 'x'", "previous_release_id = NULL",
        "target = 'x'", "port = 1",
        "restores_release_id = NULL", "actor = 'eve'", "reason = 'x'", "created_at = 'x'",
        "id = 'rel_x'", "modules_delta = '{}'",
    ],
)  # fmt: skip
def test_refuses_to_edit_the_identity_of_a_release(
    shop: Shop, chain: tuple[Release, Release], change: str
) -> None:
    _, active = chain
    statement = f"UPDATE releases SET {change} WHERE id = :id"  # noqa: S608 - the attack itself
    refused(shop.records, "identity of a release", statement, id=active.id)


@pytest.mark.parametrize("status", ["active", "deploying", "failed"])
def test_refuses_to_move_a_superseded_release(
    shop: Shop, chain: tuple[Release, Release], status: str
) -> None:
    first, _ = chain
    refused(
        shop.records, "an ended release never changes|cannot change its status so",
        "UPDATE releases SET status = :status WHERE id = :id", status=status, id=first.id,
    )  # fmt: skip


def test_refuses_a_status_that_is_not_next(shop: Shop) -> None:
    release = shop.begun(shop.built("a"))
    refused(
        shop.records, "a release cannot change its status so",
        "UPDATE releases SET status = 'active', activated_at = '2026' WHERE id = :id",
        id=release.id,
    )  # fmt: skip


@pytest.mark.parametrize("table", ["builds", "releases", "events"])
@pytest.mark.usefixtures("chain")
def test_refuses_to_delete_what_was_recorded(shop: Shop, table: str) -> None:
    refused(shop.records, "is never deleted", f"DELETE FROM {table}")  # noqa: S608


@pytest.mark.parametrize("table", ["builds", "releases", "events"])
@pytest.mark.usefixtures("chain")
def test_refuses_to_truncate_what_was_recorded(shop: Shop, table: str) -> None:
    if shop.records.engine.dialect.name == "sqlite":
        pytest.skip("SQLite has no TRUNCATE")
    refused(shop.records, "never truncated", f"TRUNCATE {table} CASCADE")


@pytest.mark.usefixtures("chain")
def test_refuses_to_change_an_event(shop: Shop) -> None:
    refused(shop.records, "an event never changes", "UPDATE events SET actor = 'eve'")


def test_refuses_an_event_of_a_move_that_is_not_allowed(
    shop: Shop, chain: tuple[Release, Release]
) -> None:
    _, active = chain
    refused(
        shop.records, "foreign key",
        "INSERT INTO events (release_id, from_status, to_status, actor, at)"
        " VALUES (:id, 'failed', 'active', 'eve', '2026')", id=active.id,
    )  # fmt: skip


def test_refuses_to_replace_the_release_in_flight(shop: Shop) -> None:
    if shop.records.engine.dialect.name != "sqlite":
        pytest.skip("only SQLite has INSERT OR REPLACE")
    build = shop.built("a")
    shop.begun(build)
    statement = INSERTION.replace("INSERT", "INSERT OR REPLACE")
    refused(shop.records, "a release is never deleted", statement, **row(build))


def test_r5_refuses_a_second_live_build_of_one_manifest(shop: Shop) -> None:
    build = shop.built("a")
    refused(
        shop.records, "one_live_build|unique.*manifest_hash",
        "INSERT INTO builds (id, status, stage, progress, profile, manifest_hash, modules,"
        " modules_delta, requested_by, reason, created_at) SELECT 'twin', 'running', stage, 0,"
        " profile, manifest_hash, modules, modules_delta, requested_by, reason, created_at"
        " FROM builds WHERE id = :id", id=build.id,
    )  # fmt: skip


@pytest.mark.parametrize(
    "change", ["image_digest = 'x'", "status = 'running'", "bundle = 'x'", "error = 'x'"]
)
def test_refuses_to_change_a_finished_build(shop: Shop, change: str) -> None:
    statement = f"UPDATE builds SET {change} WHERE id = :id"  # noqa: S608 - the attack itself
    message = "a finished build never changes|cannot change its status so"
    refused(shop.records, message, statement, id=shop.built("a").id)


@pytest.mark.parametrize("change", ["manifest_hash = 'x'", "profile = 'x'", "requested_by = 'eve'"])
def test_refuses_to_change_what_a_build_was_asked_for(shop: Shop, change: str) -> None:
    statement = f"UPDATE builds SET {change} WHERE id = :id"  # noqa: S608 - the attack itself
    refused(shop.records, "asked for never changes", statement, id=shop.running("a").id)


def test_r4_refuses_a_running_build_to_go_back_to_the_queue(shop: Shop) -> None:
    refused(
        shop.records, "a build cannot change its status so",
        "UPDATE builds SET status = 'queued' WHERE id = :id", id=shop.running("a").id,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("change", "check"),
    [
        ("status = 'succeeded', finished_at = '2026'", "ck_builds_(image|evidence)"),
        ("status = 'failed', finished_at = '2026'", "ck_builds_error"),
        ("status = 'failed', error = 'x'", "ck_builds_finished"),
        ("progress = 101", "ck_builds_progress"),
    ],
)
def test_refuses_an_end_without_its_facts(shop: Shop, change: str, check: str) -> None:
    statement = f"UPDATE builds SET {change} WHERE id = :id"  # noqa: S608 - the attack itself
    refused(shop.records, check, statement, id=shop.running("a").id)
