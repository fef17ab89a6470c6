"""What a row may become: triggers that refuse, and two that write the events.

One description gives the DDL of both databases. `install` replaces all of it, because a migration
that rebuilds a SQLite table silently drops that table's triggers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import text

from xtask.records import rules

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Connection


class Refusal(NamedTuple):
    """A change of one row that is refused with `message`, always or when `condition` holds."""

    name: str
    table: str
    before: str
    message: str
    condition: str = "1 = 1"


def _status(operator: str, statuses: Iterable[str], row: str) -> str:
    return f"{row}.status {operator} ({', '.join(repr(status) for status in statuses)})"


def _forbidden(pairs: Iterable[tuple[str, str]]) -> str:
    # PostgreSQL takes no subquery here and SQLite no list of row values: hence one text per pair.
    allowed = ", ".join(repr(f"{before}>{after}") for before, after in sorted(pairs))
    return f"OLD.status <> NEW.status AND OLD.status || '>' || NEW.status NOT IN ({allowed})"


_BUILD_IDENTITY = "id, profile, manifest_hash, modules_delta, requested_by, reason, created_at"
_RELEASE_IDENTITY = (
    "id, environment, generation, kind, build_id, manifest_hash, image_digest, target, port,"
    " previous_release_id, restores_release_id, actor, reason, modules_delta, created_at"
)
REFUSALS = (
    Refusal(
        "builds_start", "builds", "INSERT", "a build starts queued or running",
        _status("NOT IN", rules.FIRST_BUILD, "NEW"),
    ),
    Refusal(
        "builds_identity", "builds", f"UPDATE OF {_BUILD_IDENTITY}",
        "what a build was asked for never changes",
    ),
    Refusal(
        "builds_final", "builds", "UPDATE", "a finished build never changes",
        _status("IN", rules.FINISHED, "OLD"),
    ),
    Refusal(
        "builds_status", "builds", "UPDATE OF status", "a build cannot change its status so",
        _forbidden(rules.BUILD_TRANSITIONS),
    ),
    Refusal(
        "builds_progress", "builds", "UPDATE OF progress", "progress never decreases",
        "NEW.progress < OLD.progress",
    ),
    Refusal("builds_kept", "builds", "DELETE", "a build is never deleted"),
    Refusal(
        "releases_start", "releases", "INSERT", "a release starts pending or deploying",
        _status("NOT IN", rules.FIRST_RELEASE, "NEW"),
    ),
    Refusal(
        "releases_identity", "releases", f"UPDATE OF {_RELEASE_IDENTITY}",
        "the identity of a release never changes",
    ),
    Refusal(
        "releases_final", "releases", "UPDATE", "an ended release never changes",
        _status("IN", rules.ENDED, "OLD"),
    ),
    Refusal(
        "releases_status", "releases", "UPDATE OF status", "a release cannot change its status so",
        _forbidden(rules.RELEASE_TRANSITIONS),
    ),
    Refusal("releases_kept", "releases", "DELETE", "a release is never deleted"),
    Refusal("events_written", "events", "UPDATE", "an event never changes"),
    Refusal("events_kept", "events", "DELETE", "an event is never deleted"),
)  # fmt: skip

_EVENT = "INSERT INTO events (release_id, from_status, to_status, actor, detail, at) VALUES"
_CREATED = f"{_EVENT} (NEW.id, NULL, NEW.status, NEW.updated_by, NEW.reason, NEW.updated_at);"
_MOVED = f"{_EVENT} (NEW.id, OLD.status, NEW.status, NEW.updated_by, NEW.error, NEW.updated_at);"
_ON_CREATED = "releases_created AFTER INSERT ON releases FOR EACH ROW"
_ON_MOVED = (
    "releases_moved AFTER UPDATE OF status ON releases FOR EACH ROW WHEN (OLD.status <> NEW.status)"
)


def install(_target: object, connection: Connection, **_: Any) -> None:  # noqa: ANN401 - an event's arguments
    """Replace every trigger by the ones described here, and add the allowed pairs as rows."""
    drop(connection)
    sqlite = connection.dialect.name == "sqlite"
    for statement in _sqlite() if sqlite else _postgresql():
        connection.exec_driver_sql(statement)
    connection.execute(
        text(
            "INSERT INTO release_transitions (from_status, to_status) VALUES (:before, :after)"
            " ON CONFLICT DO NOTHING"
        ),
        [{"before": before, "after": after} for before, after in sorted(rules.RELEASE_TRANSITIONS)],
    )


def drop(connection: Connection) -> None:
    """Drop every trigger of this schema, whichever version created it."""
    for table, name in installed(connection):
        suffix = "" if connection.dialect.name == "sqlite" else f" ON {table}"
        connection.exec_driver_sql(f"DROP TRIGGER {name}{suffix}")


def installed(connection: Connection) -> list[tuple[str, str]]:
    """Return (table, trigger) for every trigger of this schema, sorted."""
    if connection.dialect.name == "sqlite":
        query = "SELECT tbl_name, name FROM sqlite_master WHERE type = 'trigger'"
    else:
        query = (
            "SELECT relname, tgname FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid"
            " WHERE NOT tgisinternal AND relnamespace = current_schema()::regnamespace"
        )
    return sorted((table, name) for table, name in connection.exec_driver_sql(query))


def _sqlite() -> list[str]:
    return [
        *(
            f"CREATE TRIGGER {refusal.name} BEFORE {refusal.before} ON {refusal.table}"
            f" FOR EACH ROW WHEN ({refusal.condition})"
            f" BEGIN SELECT RAISE(ABORT, '{refusal.message}'); END"
            for refusal in REFUSALS
        ),
        f"CREATE TRIGGER {_ON_CREATED} BEGIN {_CREATED} END",
        f"CREATE TRIGGER {_ON_MOVED} BEGIN {_MOVED} END",
    ]


def _postgresql() -> list[str]:
    return [
        _function(
            "xtask_refuse",
            "RAISE EXCEPTION USING MESSAGE = TG_ARGV[0],"
            " ERRCODE = 'integrity_constraint_violation';",
        ),
        _function("xtask_release_created", f"{_CREATED} RETURN NULL;"),
        _function("xtask_release_moved", f"{_MOVED} RETURN NULL;"),
        *(
            f"CREATE TRIGGER {refusal.name} BEFORE {refusal.before} ON {refusal.table}"
            f" FOR EACH ROW WHEN ({refusal.condition})"
            f" EXECUTE FUNCTION xtask_refuse('{refusal.message}')"
            for refusal in REFUSALS
        ),
        *(
            f"CREATE TRIGGER {table}_not_truncated BEFORE TRUNCATE ON {table}"
            f" EXECUTE FUNCTION xtask_refuse('{table} are never truncated')"
            for table in ("builds", "releases", "events")
        ),
        f"CREATE TRIGGER {_ON_CREATED} EXECUTE FUNCTION xtask_release_created()",
        f"CREATE TRIGGER {_ON_MOVED} EXECUTE FUNCTION xtask_release_moved()",
    ]


def _function(name: str, body: str) -> str:
    return (
        f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql"
        f" AS $$ BEGIN {body} END $$"
    )
