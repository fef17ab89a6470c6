"""A database of the last release, with a row of every kind, opened by this version."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import text

from tests.records.conftest import CLAIM, asked, only_on, wanted
from tests.records.test_chain import broken
from tests.records.test_schema import schema_of
from xtask.cli import main
from xtask.digest import sha256
from xtask.records import SCHEMA, migrations, triggers
from xtask.records.migrations.versions import revision_0001
from xtask.records.store import migrate_records, open_records
from xtask.records.tables import metadata

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection

_SEALED = ("facts", "seq", "prev_hash", "hash")
NOTHING = '{"added": {}, "changed": {}, "removed": {}}'
AT = "2026-11-0{}T00:00:00.000Z"
# id, status, stage
BUILDS = [
    ("b-good", "succeeded", "complete"), ("b-next", "succeeded", "complete"),
    ("b-queued", "queued", "queued"), ("b-running", "running", "layers"),
    ("b-odd", "running", "resolve"), ("b-failed", "failed", "package"),
    ("b-cancelled", "cancelled", "started"),
]  # fmt: skip
# id, environment, generation, kind, status, build, previous, restores
RELEASES = [
    ("r1", "prod", 1, "promote", "superseded", "b-good", None, None),
    ("r2", "prod", 2, "promote", "rolled_back", "b-next", "r1", None),
    ("r3", "prod", 3, "promote", "failed", "b-next", "r2", None),
    ("r4", "prod", 4, "rollback", "active", "b-good", "r2", "r1"),
    ("r5", "prod", 5, "promote", "deploying", "b-next", "r4", None),
    ("s1", "staging", 1, "promote", "verifying", "b-good", None, None),
    ("t1", "test", 1, "promote", "recovery_required", "b-good", None, None),
    ("u1", "eu", 1, "promote", "pending", "b-good", None, None),
]  # fmt: skip
# release, from, to
EVENTS = [
    ("r1", None, "deploying"), ("r1", "deploying", "verifying"), ("r1", "verifying", "active"),
    ("r1", "active", "superseded"), ("r2", "active", "rolled_back"),
    ("r3", "verifying", "failed"), ("t1", "deploying", "recovery_required"),
]  # fmt: skip


def written_by_0001(connection: Connection) -> None:
    """Make the tables of revision 0001 and fill them."""
    options = {"target_metadata": metadata}  # for the names of constraints
    with Operations.context(MigrationContext.configure(connection, opts=options)):
        revision_0001.upgrade()
    connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) PRIMARY KEY)"))
    connection.execute(text("INSERT INTO alembic_version VALUES ('0001')"))
    for name in ("prod", "staging", "test", "eu"):
        add(connection, "environments", name=name, rank=1)
    for number, (build, status, stage) in enumerate(BUILDS):
        done = status == "succeeded"
        add(
            connection, "builds", id=build, status=status, stage=stage, progress=100 if done else 5,
            profile="release", manifest_hash=wanted(build).manifest_hash,
            image_digest=sha256(build.encode()) if done else None, config_digest="c", bundle="b",
            image_ref=f"shop:{build}", modules='[{"id": "cart", "version": "1", "source_digest":'
            ' "s", "layer_digest": null}]', modules_delta=NOTHING, requested_by="ann", reason="",
            error=None if done else "x", created_at=AT.format(number + 1),
            finished_at=None if status in {"queued", "running"} else AT.format(9),
        )  # fmt: skip
    for release, place, generation, kind, status, build, previous, restores in RELEASES:
        served = status in {"active", "superseded", "rolled_back"}
        ended = status in {"failed", "superseded", "rolled_back"}
        add(
            connection, "releases", id=release, environment=place, generation=generation, kind=kind,
            status=status, build_id=build, manifest_hash=wanted(build).manifest_hash,
            image_digest=sha256(build.encode()), target="record", port=8080,
            previous_release_id=previous, restores_release_id=restores, actor="ann", reason="why",
            modules_delta=NOTHING, created_at=AT.format(generation),
            activated_at=AT.format(8) if served else None, ended_at=AT.format(9) if ended else None,
            error="x" if status in {"failed", "recovery_required"} else None, updated_by="ann",
            updated_at=AT.format(9),
        )  # fmt: skip
    pairs = {(before, after) for _, before, after in EVENTS if before}
    for before, after in sorted(pairs):
        add(connection, "release_transitions", from_status=before, to_status=after)
    for release, before, after in EVENTS:
        add(connection, "events", release_id=release, from_status=before, to_status=after,
            actor="ann", detail="why", at=AT.format(1))  # fmt: skip


def add(connection: Connection, table: str, **row: Any) -> None:
    json = {name: f"CAST(:{name} AS jsonb)" for name in ("modules", "modules_delta")}
    server = connection.dialect.name == "postgresql"
    values = ", ".join(json.get(name, f":{name}") if server else f":{name}" for name in row)
    statement = f"INSERT INTO {table} ({', '.join(row)}) VALUES ({values})"  # noqa: S608 - ours
    connection.execute(text(statement), row)


def rows(connection: Connection, table: str) -> list[dict[str, Any]]:
    found = connection.execute(text(f"SELECT * FROM {table} ORDER BY 1"))  # noqa: S608 - ours
    return [dict(row) for row in found.mappings()]


@pytest.fixture(
    params=["sqlite", pytest.param("postgresql", marks=pytest.mark.requires("postgresql"))]
)
def old(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database that the last release wrote."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'old.sqlite3'}"
    else:
        schemas = request.getfixturevalue("schemas")
        url = schemas.address(schemas.new())
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        written_by_0001(connection)
    yield url
    engine.dispose()


def bring_to(url: str, revision: str) -> None:
    """Migrate as the version with this newest revision did, but for triggers and seals."""
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    engine = sa.create_engine(url)
    with engine.connect() as connection, migrations._rebuilding(connection), connection.begin():
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
    engine.dispose()


def before_and_after(old: str, table: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    engine = sa.create_engine(old)
    with engine.connect() as connection:
        before = rows(connection, table)
    migrate_records(old)
    with engine.connect() as connection:
        after = rows(connection, table)
    engine.dispose()
    return before, after


def test_every_build_is_kept_with_all_that_was_known_of_it(old: str) -> None:
    before, after = before_and_after(old, "builds")
    assert len(after) == len(before) == len(BUILDS)
    for row, now in zip(before, after, strict=True):
        if row["stage"] == "resolve":
            row["stage"] = "started"  # there is no such stage any more
        assert {name: now[name] for name in row} == row


def test_every_release_is_kept_with_all_that_was_known_of_it(old: str) -> None:
    before, after = before_and_after(old, "releases")
    assert len(after) == len(before) == len(RELEASES)
    for row, now in zip(before, after, strict=True):
        if row["status"] == "pending":
            row["generation"] = None  # it has none before it is deployed
        assert {name: now[name] for name in row} == row


@pytest.mark.parametrize(
    ("old", "url"),
    [
        ("sqlite", "sqlite"),
        pytest.param("postgresql", "postgresql", marks=pytest.mark.requires("postgresql")),
    ],
    indirect=True,
)
def test_the_schema_is_the_one_of_a_new_database(old: str, url: str) -> None:
    migrate_records(old)
    with (
        open_records(old) as migrated, open_records(url) as new,
        migrated.reading() as one, new.reading() as other,
    ):  # fmt: skip
        assert schema_of(one) == schema_of(other)
        assert triggers.installed(one) == triggers.installed(other)


def test_the_log_is_sealed_in_its_order_and_knows_every_build(old: str) -> None:
    migrate_records(old)
    with open_records(old) as records:
        events = list(records.events())
        assert broken(events) == []
        known = [(each.subject_id, each.from_status, each.to_status) for each in events]
        assert known[: len(EVENTS)] == EVENTS
        found = {build.id: build.status for build in records.builds(limit=100)}
        assert {build: status for build, _, status in known[len(EVENTS) :]} == found
        assert [one for one in records.contradictions() if one.table == "builds"] == []
        records.begin_build(wanted("new"), CLAIM)
        assert broken(records.events()) == []


def test_builds_that_ran_are_claimed_and_those_that_waited_too(old: str) -> None:
    migrate_records(old)
    with open_records(old) as records:
        claimed = []
        while build := records.claim_build(CLAIM):
            claimed.append((build.id, build.attempt, build.stage))
        assert claimed == [
            ("b-queued", 1, "started"), ("b-running", 2, "started"), ("b-odd", 2, "started"),
        ]  # fmt: skip


def test_releases_in_flight_are_taken_over_and_finished(old: str) -> None:
    migrate_records(old)
    with open_records(old) as records:
        begun, verifying = (records.take_over(each, CLAIM) for each in ("r5", "s1"))
        assert records.fail_release(begun, "lost").status == "failed"
        assert records.activate_release(verifying).status == "active"
        assert records.fail_release(records.release("t1"), "seen").status == "failed"
        assert records.deploy_release("u1", CLAIM).generation == 1


def test_it_goes_on_where_it_was(old: str) -> None:
    migrate_records(old)
    with open_records(old) as records:
        records.fail_release(records.take_over("r5", CLAIM), "lost")
        build = records.build("b-next")
        release = records.begin_release(asked(build), CLAIM)
        assert (release.generation, release.previous_release_id) == (6, "r4")
        assert records.request_build(wanted("b-good"))[1] is False


def test_releases_of_0002_keep_everything_and_have_no_configuration(old: str) -> None:
    bring_to(old, "0002")
    for table in ("releases", "events", "builds"):
        before, after = before_and_after(old, table)
        assert len(after) == len(before) > 0
        for row, now in zip(before, after, strict=True):
            known = [name for name in row if name not in _SEALED]
            assert {name: now[name] for name in known} == {name: row[name] for name in known}
    with open_records(old) as records:
        active = records.active_release("prod")
        assert records.configuration(active) is None
        assert broken(records.events()) == []
        begun = records.take_over("r5", CLAIM)
        records.fail_release(begun, "lost")
        again = asked(records.build("b-next"), configuration='{"replicas":2}')
        assert records.configuration(records.begin_release(again, CLAIM)) == {"replicas": 2}


@only_on("sqlite", "old")
def test_an_embedded_database_is_brought_up_by_the_first_that_writes(old: str) -> None:
    with open_records(old) as records:
        assert records.active_release("prod").id == "r4"


def test_a_migration_that_fails_leaves_the_old_database(
    old: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(triggers, "install", crash)
    with pytest.raises(RuntimeError):
        migrate_records(old)
    monkeypatch.undo()
    engine = sa.create_engine(old)
    with closing(engine.connect()) as connection:
        assert rows(connection, "alembic_version") == [{"version_num": "0001"}]
        assert len(rows(connection, "releases")) == len(RELEASES)
    engine.dispose()
    migrate_records(old)


def test_no_verb_goes_back_to_an_older_schema(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"sqlite:///{tmp_path / 'releases' / 'records.sqlite3'}"
    migrate_records(url)
    for word in ("0001", "--downgrade"):
        assert main(["migrate", "--workspace", str(tmp_path), word]) == 2
        assert word in capsys.readouterr().err
    with open_records(url) as records, records.reading() as connection:
        assert rows(connection, "alembic_version") == [{"version_num": SCHEMA}]
    versions = Path(migrations.__path__[0]) / "versions"
    assert [
        path.name for path in versions.glob("*.py") if "def downgrade" in path.read_text()
    ] == []
