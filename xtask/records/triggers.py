"""What a row may become: triggers that refuse, and those that write the events.

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

    @property
    def when(self) -> str:
        """The moment, in SQL."""
        return f"BEFORE {self.before}"


class Entry(NamedTuple):
    """A change of one row that writes an event: SQL of its columns, and when it does."""

    name: str
    table: str
    after: str
    subject: str
    subject_id: str
    from_status: str
    to_status: str
    actor: str
    detail: str
    at: str
    condition: str = "1 = 1"

    @property
    def when(self) -> str:
        """The moment, in SQL."""
        return f"AFTER {self.after}"


def _status(operator: str, statuses: Iterable[str], row: str) -> str:
    return f"{row}.status {operator} ({', '.join(repr(status) for status in statuses)})"


def _forbidden(pairs: Iterable[tuple[str, str]]) -> str:
    # SQLite takes no list of row values: hence one text per pair.
    allowed = ", ".join(repr(f"{before}>{after}") for before, after in sorted(pairs))
    return f"OLD.status <> NEW.status AND OLD.status || '>' || NEW.status NOT IN ({allowed})"


def _place(row: str) -> str:
    cases = " ".join(f"WHEN '{stage}' THEN {at}" for at, stage in enumerate(rules.BUILD_STAGES))
    return f"CASE {row}.stage {cases} END"


_BUILD_IDENTITY = (
    "id, profile, manifest_hash, modules_delta, requested_by, reason, revision, priority,"
    " created_at"
)
_RELEASE_IDENTITY = (
    "id, environment, kind, build_id, manifest_hash, image_digest, target, port,"
    " configuration, restores_release_id, actor, reason, plan_digest, approvals_needed,"
    " migration_class, ends_hold_id, idempotency_key, request_digest, created_at"
)
_RELEASE_FROZEN = "generation, previous_release_id, modules_delta, passed_freeze, deployed_at"
_EVENT_IDENTITY = "id, subject, subject_id, from_status, to_status, actor, detail, at"
_HOLD_IDENTITY = (
    "id, kind, environment, manifest_hash, release_id, actor, reason, created_at, until"
)
_SAME_BUILDER = "NEW.lease_token = OLD.lease_token"
_TOO_FEW = (
    "OLD.status = 'pending' AND NEW.status = 'approved' AND NEW.approvals_needed >"
    " (SELECT count(*) FROM approvals WHERE approvals.release_id = NEW.id)"
)
_NOT_ASKED = (
    "NOT EXISTS (SELECT 1 FROM releases WHERE releases.id = NEW.release_id"
    " AND releases.status = 'pending')"
)
_ASKED_ITSELF = (
    "EXISTS (SELECT 1 FROM releases WHERE releases.id = NEW.release_id"
    " AND releases.actor = NEW.actor)"
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
        f"{_SAME_BUILDER} AND OLD.status = NEW.status AND NEW.progress < OLD.progress",
    ),
    Refusal(
        "builds_stage", "builds", "UPDATE OF stage", "a stage never comes again",
        f"{_SAME_BUILDER} AND OLD.status = NEW.status AND {_place('NEW')} < {_place('OLD')}",
    ),
    Refusal(
        "builds_fence", "builds", "UPDATE OF lease_token", "a lease token never decreases",
        "NEW.lease_token < OLD.lease_token",
    ),
    Refusal("builds_kept", "builds", "DELETE", "a build is never deleted"),
    Refusal("build_lines_written", "build_lines", "UPDATE", "what was said never changes"),
    Refusal(
        "configurations_kept", "configurations", "DELETE", "a configuration is never deleted"
    ),
    Refusal(
        "configurations_written", "configurations", "UPDATE", "a configuration never changes"
    ),
    Refusal(
        "releases_start", "releases", "INSERT", "a release starts pending",
        _status("NOT IN", ("pending",), "NEW"),
    ),
    Refusal(
        "releases_identity", "releases", f"UPDATE OF {_RELEASE_IDENTITY}",
        "the identity of a release never changes",
    ),
    Refusal(
        "releases_frozen", "releases", f"UPDATE OF {_RELEASE_FROZEN}",
        "what a deployment began with never changes",
        "NOT (OLD.status = 'approved' AND NEW.status = 'deploying')",
    ),
    Refusal(
        "releases_activated", "releases", "UPDATE OF activated_at",
        "when a release became active never changes",
        "NOT (OLD.status <> 'active' AND NEW.status = 'active')",
    ),
    Refusal(
        "releases_final", "releases", "UPDATE", "an ended release never changes",
        _status("IN", rules.ENDED, "OLD"),
    ),
    Refusal(
        "releases_status", "releases", "UPDATE OF status", "a release cannot change its status so",
        _forbidden(rules.RELEASE_TRANSITIONS),
    ),
    Refusal(
        "releases_approved", "releases", "UPDATE OF status", "a release needs more approvals",
        _TOO_FEW,
    ),
    Refusal(
        "releases_recovery", "releases", "UPDATE OF recovery_attempts",
        "one recovery belongs to its beginning",
        "NEW.recovery_attempts <> OLD.recovery_attempts"
        " AND NOT (OLD.status = 'verifying' AND NEW.status = 'recovering')",
    ),
    Refusal(
        "releases_fence", "releases", "UPDATE OF lease_token", "a lease token never decreases",
        "NEW.lease_token < OLD.lease_token",
    ),
    Refusal("releases_kept", "releases", "DELETE", "a release is never deleted"),
    Refusal(
        "approvals_asked", "approvals", "INSERT", "only a pending release can be approved",
        _NOT_ASKED,
    ),
    Refusal(
        "approvals_other", "approvals", "INSERT", "nobody approves what they asked for",
        _ASKED_ITSELF,
    ),
    Refusal("approvals_given", "approvals", "UPDATE", "an approval never changes"),
    Refusal("approvals_kept", "approvals", "DELETE", "an approval is never deleted"),
    Refusal(
        "holds_identity", "holds", f"UPDATE OF {_HOLD_IDENTITY}", "a hold only ends",
    ),
    Refusal(
        "holds_lifted", "holds", "UPDATE", "a lifted hold never changes",
        "OLD.lifted_at IS NOT NULL",
    ),
    Refusal("holds_kept", "holds", "DELETE", "a hold is never deleted"),
    Refusal(
        "events_identity", "events", f"UPDATE OF {_EVENT_IDENTITY}", "an event never changes"
    ),
    Refusal("events_sealed", "events", "UPDATE", "an event never changes", "OLD.hash IS NOT NULL"),
    Refusal("events_kept", "events", "DELETE", "an event is never deleted"),
    Refusal("outbox_kept", "outbox", "DELETE", "what others must be told is never deleted"),
    Refusal(
        "transitions_kept", "transitions", "DELETE", "an allowed transition is never deleted"
    ),
)  # fmt: skip

ENTRIES = (
    *(
        Entry(
            f"{table}_created", table, "INSERT", f"'{table[:-1]}'", "NEW.id",
            "NULL", "NEW.status", "NEW.updated_by", "NEW.reason", "NEW.updated_at",
        )
        for table in ("builds", "releases")
    ),
    *(
        Entry(
            f"{table}_moved", table, "UPDATE OF status", f"'{table[:-1]}'", "NEW.id",
            "OLD.status", "NEW.status", "NEW.updated_by", "NEW.error", "NEW.updated_at",
            "OLD.status <> NEW.status",
        )
        for table in ("builds", "releases")
    ),
    Entry(
        "approvals_written", "approvals", "INSERT", "'approval'", "NEW.release_id",
        "NULL", "'given'", "NEW.actor", "NEW.reason", "NEW.at",
    ),
    Entry(
        "holds_placed", "holds", "INSERT", "'hold'", "NEW.id",
        "NULL", "'placed'", "NEW.actor", "NEW.reason", "NEW.created_at",
    ),
    Entry(
        "holds_ended", "holds", "UPDATE OF lifted_at", "'hold'", "NEW.id",
        "'placed'", "'lifted'", "NEW.lifted_by", "NEW.lifted_reason", "NEW.lifted_at",
    ),
)  # fmt: skip

NEVER_TRUNCATED = (
    *("builds", "configurations", "releases", "approvals", "holds", "events", "outbox"),
    "transitions",
)
TRANSITIONS = (
    *(("build", before, after) for before, after in sorted(rules.BUILD_TRANSITIONS)),
    *(("release", before, after) for before, after in sorted(rules.RELEASE_TRANSITIONS)),
    ("hold", "placed", "lifted"),
)


def install(_target: object, connection: Connection, **_: Any) -> None:  # noqa: ANN401 - an event's arguments
    """Replace every trigger by the ones described here, and add the allowed pairs as rows."""
    drop(connection)
    sqlite = connection.dialect.name == "sqlite"
    for statement in _sqlite() if sqlite else _postgresql():
        connection.exec_driver_sql(statement)
    connection.execute(
        text(
            "INSERT INTO transitions (subject, from_status, to_status)"
            " VALUES (:subject, :before, :after) ON CONFLICT DO NOTHING"
        ),
        [
            {"subject": subject, "before": before, "after": after}
            for subject, before, after in TRANSITIONS
        ],
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
            f"{_heading(refusal)} WHEN ({refusal.condition})"
            f" BEGIN SELECT RAISE(ABORT, '{refusal.message}'); END"
            for refusal in REFUSALS
        ),
        *(
            f"{_heading(entry)} WHEN ({entry.condition}) BEGIN {_insertion(entry)} END"
            for entry in ENTRIES
        ),
    ]


def _postgresql() -> list[str]:
    found = [_function("xtask_refuse", _raise("TG_ARGV[0]"))]
    for refusal in REFUSALS:
        if "SELECT" not in refusal.condition:
            found.append(
                f"{_heading(refusal)} WHEN ({refusal.condition})"
                f" EXECUTE FUNCTION xtask_refuse('{refusal.message}')"
            )
            continue
        # WHEN of PostgreSQL takes no subquery.
        refuses = f"IF ({refusal.condition}) THEN {_raise(repr(refusal.message))} END IF;"
        found += [
            _function(f"xtask_{refusal.name}", f"{refuses} RETURN NEW;"),
            f"{_heading(refusal)} EXECUTE FUNCTION xtask_{refusal.name}()",
        ]
    for entry in ENTRIES:
        found += [
            _function(f"xtask_{entry.name}", f"{_insertion(entry)} RETURN NULL;"),
            f"{_heading(entry)} WHEN ({entry.condition}) EXECUTE FUNCTION xtask_{entry.name}()",
        ]
    found += [
        f"CREATE TRIGGER {table}_not_truncated BEFORE TRUNCATE ON {table}"
        f" EXECUTE FUNCTION xtask_refuse('{table} are never truncated')"
        for table in NEVER_TRUNCATED
    ]
    return found


def _heading(trigger: Refusal | Entry) -> str:
    return f"CREATE TRIGGER {trigger.name} {trigger.when} ON {trigger.table} FOR EACH ROW"


def _insertion(entry: Entry) -> str:
    columns = "subject, subject_id, from_status, to_status, actor, detail, at"
    values = ", ".join(getattr(entry, column) for column in columns.split(", "))
    return f"INSERT INTO events ({columns}) VALUES ({values});"  # noqa: S608 - our own names


def _raise(message: str) -> str:
    return f"RAISE EXCEPTION USING MESSAGE = {message}, ERRCODE = 'integrity_constraint_violation';"


def _function(name: str, body: str) -> str:
    return (
        f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql"
        f" AS $$ BEGIN {body} END $$"
    )
