"""The migrations, the tables in code, and opening databases of any age."""

from __future__ import annotations

import os
import re
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Timer
from typing import TYPE_CHECKING

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, text

from tests.records.conftest import CLAIM, asked, only_on
from xtask.errors import RefusedError, UsageError, XtaskError
from xtask.records import SCHEMA, migrations, rules, schema, triggers
from xtask.records.store import migrate_records, open_records
from xtask.records.tables import metadata

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from tests.records.conftest import Shop
    from xtask.records.store import Records

POSTGRESQL_SCHEMA = """
    SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid)
      FROM pg_constraint WHERE connamespace = current_schema()::regnamespace
    UNION ALL SELECT tablename, indexname, replace(indexdef, current_schema(), '')
      FROM pg_indexes WHERE schemaname = current_schema()
    UNION ALL SELECT relname, tgname,
             replace(pg_get_triggerdef(pg_trigger.oid), current_schema(), '')
      FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid
     WHERE NOT tgisinternal AND relnamespace = current_schema()::regnamespace
"""


def schema_of(connection: Connection) -> list[tuple[str, ...]]:
    """Return every definition in the database, in its own words, spaces apart."""
    if connection.dialect.name == "sqlite":
        query = "SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL"
    else:
        query = POSTGRESQL_SCHEMA
    rows = [
        tuple(re.sub(r"\s+", " ", part) for part in row) for row in connection.execute(text(query))
    ]
    return sorted(row for row in rows if "alembic_version" not in " ".join(row))


def test_the_migrations_end_at_the_schema_that_this_version_names() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    assert ScriptDirectory.from_config(config).get_current_head() == SCHEMA


def test_a_new_embedded_database_has_what_all_migrations_give() -> None:
    """`XTASK_UPDATE=1 python -m pytest tests/records` writes the schema anew."""
    engine = create_engine("sqlite://")
    with engine.connect() as connection:
        migrations.upgrade(connection)
        connection.commit()
        _begin, *dumped, _commit = dump_of(connection.connection.driver_connection)
    file = Path(schema.__file__).with_name("schema.sql")
    if os.environ.get("XTASK_UPDATE"):
        file.write_text("\n\n".join(dumped) + "\n")
    new = sqlite3.connect(":memory:", isolation_level=None)
    assert new.execute(schema.IS_EMPTY).fetchone() == (1,)
    for statement in schema.statements():
        new.execute(statement)
    assert dump_of(new)[1:-1] == dumped
    assert new.execute(schema.IS_EMPTY).fetchone() == (0,)


def dump_of(connection: sqlite3.Connection) -> list[str]:
    """Return all definitions and rows, without spaces at the end of lines."""
    return [re.sub(r"\s+\n", "\n", statement) for statement in connection.iterdump()]


def test_the_migrated_tables_are_the_tables_in_code(records: Records) -> None:
    with records.reading() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_every_definition_after_the_migrations_is_what_the_code_creates(records: Records) -> None:
    with records.engine.connect() as connection:
        migrated = schema_of(connection)
        connection.rollback()
        with connection.begin() as undone:
            triggers.drop(connection)
            metadata.drop_all(connection)
            metadata.create_all(connection)
            created = schema_of(connection)
            undone.rollback()
    assert created == migrated
    assert any("one_active_release" in row for row in migrated)


def test_every_trigger_is_there_after_a_migration(records: Records) -> None:
    expected = {(refusal.table, refusal.name) for refusal in triggers.REFUSALS}
    expected |= {(entry.table, entry.name) for entry in triggers.ENTRIES}
    with records.reading() as connection:
        assert expected <= set(triggers.installed(connection))


def test_a_migration_restores_the_triggers_that_somebody_dropped(records: Records) -> None:
    with records.engine.begin() as connection:
        before = triggers.installed(connection)
        triggers.drop(connection)
        assert triggers.installed(connection) == []
    migrations.migrate(records.engine)
    with records.reading() as connection:
        assert triggers.installed(connection) == before


def test_the_allowed_pairs_are_rows(records: Records) -> None:
    with records.reading() as connection:
        query = "SELECT subject, from_status, to_status FROM transitions"
        rows = {tuple(row) for row in connection.execute(text(query))}
    pairs = {"build": rules.BUILD_TRANSITIONS, "release": rules.RELEASE_TRANSITIONS}
    for subject, allowed in pairs.items():
        assert {row[1:] for row in rows if row[0] == subject} == allowed


def test_migrating_again_changes_nothing(url: str, records: Records) -> None:
    with records.reading() as connection:
        before = schema_of(connection)
    migrations.migrate(records.engine)
    migrate_records(url)
    with records.reading() as connection:
        assert schema_of(connection) == before


def test_refuses_a_database_newer_than_this_version(url: str, records: Records) -> None:
    with records.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0999'"))
    for opening in (open_records, migrate_records):
        with pytest.raises(RefusedError, match=f"newer xtask .schema 0999, known: {SCHEMA}"):
            opening(url)


def test_an_embedded_database_is_created_with_its_folder(tmp_path: Path) -> None:
    file = tmp_path / "new 100%" / "records.sqlite3"
    with open_records(f"sqlite:///{file}") as records:
        assert records.builds() == ()
    assert sorted(path.name for path in file.parent.iterdir()) == ["records.sqlite3"]


def test_many_that_open_a_new_embedded_database_at_once_all_succeed(tmp_path: Path) -> None:
    def open_and_ask(_: int) -> tuple[object, ...]:
        with open_records(f"sqlite:///{tmp_path}/records.sqlite3") as records:
            return records.builds()

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(open_and_ask, range(8))) == [()] * 8


def test_opening_waits_for_another_that_is_creating_the_embedded_database(tmp_path: Path) -> None:
    file = tmp_path / "records.sqlite3"
    other = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    other.execute("CREATE TABLE t (a)")
    other.execute("BEGIN IMMEDIATE")
    other.execute("INSERT INTO t VALUES (1)")
    release = Timer(0.2, other.close)
    release.start()
    with open_records(f"sqlite:///{file}") as records:
        assert records.builds() == ()
    release.join()


@only_on("postgresql")
def test_a_server_is_migrated_only_on_request(url: str, records: Records) -> None:
    with records.engine.begin() as connection:
        connection.execute(text("DROP TABLE alembic_version"))
    with pytest.raises(RefusedError, match="the records have schema none") as refused:
        open_records(url)
    assert refused.value.help == "run `xtask migrate`"


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "mysql://u@h/d", "no url"])
def test_refuses_a_url_that_cannot_keep_records(url: str) -> None:
    with pytest.raises(UsageError) as refused:
        open_records(url)
    assert "sqlite:///releases/records.sqlite3" in refused.value.help


def test_a_locked_database_is_a_refusal_and_not_a_traceback(tmp_path: Path) -> None:
    file = tmp_path / "records.sqlite3"
    with open_records(f"sqlite:///{file}", patience=0.05) as records:
        other = sqlite3.connect(file, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(RefusedError, match="another process holds the records"):
            records.ensure_environment("prod", 1)
        assert records.builds() == ()
        other.execute("ROLLBACK")
        other.close()
        records.ensure_environment("prod", 1)


@only_on("postgresql")
def test_a_locked_environment_is_a_refusal_and_not_a_traceback(url: str, shop: Shop) -> None:
    build = shop.built("a")
    with open_records(url, patience=0.05) as impatient, shop.records.writing() as connection:
        connection.execute(text("SELECT * FROM environments WHERE name = 'prod' FOR UPDATE"))
        with pytest.raises(RefusedError, match="another process holds the records") as refused:
            impatient.begin_release(asked(build), CLAIM)
        assert "postgresql" in refused.value.message


def test_a_file_that_is_no_database_is_an_error_and_not_a_traceback(tmp_path: Path) -> None:
    file = tmp_path / "records.sqlite3"
    file.write_bytes(b"not a database at all" * 100)
    with pytest.raises(XtaskError, match="the records do not answer: file is not a database"):
        open_records(f"sqlite:///{file}")


def test_a_server_that_is_away_is_an_error_without_its_password() -> None:
    pytest.importorskip("psycopg")
    with pytest.raises(XtaskError, match="the records do not answer") as refused:
        open_records("postgresql://ann:secret@127.0.0.1:1/nothing")
    assert "secret" not in refused.value.message


def test_a_transaction_that_fails_in_the_middle_leaves_nothing(records: Records) -> None:
    class Crash(Exception):  # noqa: N818 - stands for a kill
        pass

    def crash() -> None:
        with records.writing() as connection:
            connection.execute(text("INSERT INTO environments VALUES ('mars', 3)"))
            raise Crash

    with pytest.raises(Crash):
        crash()
    with records.reading() as connection:
        names = connection.execute(text("SELECT name FROM environments ORDER BY name")).scalars()
        assert list(names) == ["prod", "staging"]


def test_refuses_what_a_constraint_forbids_with_a_sentence(records: Records) -> None:
    with pytest.raises(RefusedError, match=r"the records refuse it: .*ck_environments_name"):
        records.ensure_environment("", 1)
