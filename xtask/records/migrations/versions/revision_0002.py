"""Leases, approvals, holds, what builders say, and events of everything in one chain.

Tables that change are made anew and filled from the old ones: SQLite cannot change a constraint.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0002"
down_revision = "0001"

_text = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_document = sa.JSON().with_variant(JSONB(), "postgresql")

_LIVE = "status IN ('queued', 'running', 'succeeded')"
_IN_FLIGHT = "status IN ('approved', 'deploying', 'verifying', 'recovering', 'recovery_required')"
_LEASED = "status IN ('deploying', 'verifying', 'recovering')"
_STAGE_LIST = (
    "'queued', 'started', 'checkout', 'secrets', 'generate', 'package', 'layers', 'check',"
    " 'image', 'attest', 'record', 'publish', 'complete'"
)
_KEPT_OF_BUILDS = (
    "id, status, progress, profile, manifest_hash, image_digest, config_digest, image_ref, bundle,"
    " modules, modules_delta, requested_by, reason, error, created_at, finished_at"
)
_KEPT_OF_RELEASES = (
    "id, environment, kind, status, build_id, manifest_hash, image_digest, target, port,"
    " restores_release_id, actor, reason, modules_delta, created_at, activated_at, ended_at, error,"
    " updated_by, updated_at"
)
_STATUSES = (
    "'pending', 'approved', 'deploying', 'verifying', 'recovering', 'active', 'rejected',"
    " 'cancelled', 'failed', 'superseded', 'rolled_back', 'recovery_required'"
)


def upgrade() -> None:
    """Make the tables; their triggers follow when the migration has ended."""
    for table in ("events", "releases", "builds"):
        _set_aside(table)
    op.drop_table("release_transitions")
    if op.get_bind().dialect.name == "postgresql":
        op.alter_column("environments", "name", type_=_text)
    _create_builds()
    _create_releases()
    _create_approvals()
    _create_holds()
    _create_transitions()
    _create_events()
    _create_outbox()
    _fill()
    for table in ("events", "releases", "builds"):
        op.drop_table(f"{table}_0001")


def _set_aside(table: str) -> None:
    """Rename a table, and take from it what has a name that the new one needs."""
    connection = op.get_bind()
    if connection.dialect.name == "sqlite":
        query = sa.text(
            "SELECT name FROM sqlite_master"
            " WHERE type = 'index' AND sql IS NOT NULL AND tbl_name = :table"
        )
        for name in list(connection.execute(query, {"table": table}).scalars()):
            op.drop_index(name, table)
    else:
        query = sa.text(
            "SELECT conname FROM pg_constraint WHERE conrelid = CAST(:table AS regclass)"
            " AND contype IN ('p', 'u', 'f', 'c')"
        )
        for name in list(connection.execute(query, {"table": table}).scalars()):
            op.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name} CASCADE")
        query = sa.text(
            "SELECT indexname FROM pg_indexes"
            " WHERE schemaname = current_schema() AND tablename = :table"
        )
        for name in list(connection.execute(query, {"table": table}).scalars()):
            op.drop_index(name, table)
        if table == "events":
            # The new table has a sequence of this name too.
            op.execute("ALTER SEQUENCE events_seq_seq RENAME TO events_0001_seq")
    op.rename_table(table, f"{table}_0001")


def _create_builds() -> None:
    op.create_table(
        "builds",
        *_texts("id", primary=True),
        *_texts("status", "stage"),
        sa.Column("progress", sa.Integer, nullable=False),
        *_texts("profile", "manifest_hash"),
        *_texts("image_digest", "config_digest", "image_ref", "bundle", nullable=True),
        sa.Column("modules", _document, nullable=False),
        sa.Column("modules_delta", _document, nullable=False),
        *_texts("requested_by", "reason"),
        *_texts("revision", nullable=True),
        sa.Column("priority", sa.Integer, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        *_texts("lease_owner", nullable=True),
        sa.Column("lease_token", sa.Integer, nullable=False),
        *_texts("lease_until", "cancelled_by", "error", nullable=True),
        *_texts("created_at"),
        *_texts("started_at", "finished_at", nullable=True),
        *_texts("updated_by", "updated_at"),
        sa.UniqueConstraint("id", "manifest_hash", "image_digest"),
        *_checks({
            "status": "status IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')",
            "stage": f"stage IN ({_STAGE_LIST})",
            "progress": "progress BETWEEN 0 AND 100",
            "manifest_hash": _digest("manifest_hash"),
            "image_digest": _digest("image_digest"),
            "image": "(status = 'succeeded') = (image_digest IS NOT NULL)",
            "evidence": "status <> 'succeeded' OR (config_digest IS NOT NULL"
            " AND image_ref IS NOT NULL AND bundle IS NOT NULL)",
            "error": "status <> 'failed' OR error IS NOT NULL",
            "cancelled": "status <> 'cancelled' OR cancelled_by IS NOT NULL",
            "finished": "(status IN ('succeeded', 'failed', 'cancelled'))"
            " = (finished_at IS NOT NULL)",
            "lease": "(status = 'running') = (lease_owner IS NOT NULL)"
            " AND (status = 'running') = (lease_until IS NOT NULL)",
            "attempt": "attempt BETWEEN 0 AND 3",
            "requested_by": "requested_by <> ''",
        }),
    )  # fmt: skip
    _index("one_live_build", "builds", ["manifest_hash"], where=_LIVE, unique=True)
    _index(
        "builds_to_claim", "builds", ["status", "priority DESC", "created_at", "id"],
        where="status IN ('queued', 'running')",
    )  # fmt: skip
    _index(
        "builds_succeeded", "builds", ["finished_at DESC", "created_at DESC", "id DESC"],
        where="status = 'succeeded'",
    )  # fmt: skip
    _index("builds_newest", "builds", ["created_at DESC", "id DESC"])
    _index("builds_of_manifest", "builds", ["manifest_hash"])
    op.create_table(
        "build_lines",
        sa.Column("build_id", _text, sa.ForeignKey("builds.id"), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        *_texts("at", "line"),
        *_checks({"number": "number >= 1"}),
    )


def _create_releases() -> None:
    op.create_table(
        "releases",
        *_texts("id", primary=True),
        sa.Column("environment", _text, sa.ForeignKey("environments.name"), nullable=False),
        sa.Column("generation", sa.Integer),
        *_texts("kind", "status", "build_id", "manifest_hash", "image_digest", "target"),
        sa.Column("port", sa.Integer, nullable=False),
        *_texts("previous_release_id", "restores_release_id", nullable=True),
        *_texts("actor", "reason", "plan_digest"),
        sa.Column("approvals_needed", sa.Integer, nullable=False),
        *_texts("migration_class"),
        *_texts("passed_freeze", "ends_hold_id", nullable=True),
        sa.Column("modules_delta", _document, nullable=False),
        *_texts("idempotency_key", "request_digest", nullable=True),
        sa.Column("recovery_attempts", sa.Integer, nullable=False),
        *_texts("lease_owner", nullable=True),
        sa.Column("lease_token", sa.Integer, nullable=False),
        *_texts("lease_until", nullable=True),
        *_texts("created_at"),
        *_texts("deployed_at", "activated_at", "ended_at", "error", nullable=True),
        *_texts("updated_by", "updated_at"),
        sa.UniqueConstraint("environment", "generation"),
        sa.UniqueConstraint("environment", "idempotency_key"),
        sa.UniqueConstraint("id", "environment"),
        sa.UniqueConstraint("id", "environment", "build_id"),
        sa.UniqueConstraint("id", "plan_digest"),
        sa.ForeignKeyConstraint(
            ["build_id", "manifest_hash", "image_digest"],
            ["builds.id", "builds.manifest_hash", "builds.image_digest"],
        ),
        sa.ForeignKeyConstraint(
            ["previous_release_id", "environment"], ["releases.id", "releases.environment"]
        ),
        sa.ForeignKeyConstraint(
            ["restores_release_id", "environment", "build_id"],
            ["releases.id", "releases.environment", "releases.build_id"],
        ),
        *_checks(_RELEASE_CHECKS),
    )
    _index(
        "one_active_release", "releases", ["environment"], where="status = 'active'", unique=True
    )
    _index("one_release_in_flight", "releases", ["environment"], where=_IN_FLIGHT, unique=True)
    _index(
        "releases_pending", "releases", ["environment", "created_at"], where="status = 'pending'"
    )
    _index("releases_newest", "releases", ["created_at DESC", "id DESC"])
    _index("releases_of_environment", "releases", ["environment", "created_at DESC", "id DESC"])
    _index("releases_of_build", "releases", ["build_id"])
    _index("releases_of_manifest", "releases", ["environment", "manifest_hash", "generation"])
    _index("releases_after", "releases", ["previous_release_id"])


_RELEASE_CHECKS = {
    "kind": "kind IN ('promote', 'rollback', 'redeploy')",
    "status": f"status IN ({_STATUSES})",
    "migration_class": "migration_class IN ('none', 'additive', 'maintenance')",
    "generation": "generation >= 1",
    "deployed": "(status IN ('pending', 'approved', 'rejected', 'cancelled'))"
    " = (generation IS NULL) AND (generation IS NULL) = (deployed_at IS NULL)"
    " AND (generation IS NOT NULL OR previous_release_id IS NULL)",
    "restores": "(kind = 'rollback') = (restores_release_id IS NOT NULL)",
    "leaves": "kind = 'promote' OR generation IS NULL OR previous_release_id IS NOT NULL",
    "itself": "previous_release_id <> id AND restores_release_id <> id",
    "elsewhere": "restores_release_id <> previous_release_id",
    "approvals_needed": "approvals_needed >= 0",
    "at_once": "kind = 'promote' OR approvals_needed = 0",
    "ends_hold": "kind = 'promote' OR ends_hold_id IS NULL",
    "request": "(idempotency_key IS NULL) = (request_digest IS NULL)",
    "recovery_attempts": "recovery_attempts BETWEEN 0 AND 1",
    "recovery": "status NOT IN ('recovering', 'recovery_required') OR recovery_attempts = 1",
    "lease": f"({_LEASED}) = (lease_owner IS NOT NULL) AND ({_LEASED}) = (lease_until IS NOT NULL)",
    "actor": "actor <> ''",
    "reason": "trim(reason) <> ''",
    "activated": "(status IN ('active', 'superseded', 'rolled_back')) = (activated_at IS NOT NULL)",
    "ended": "(status IN ('rejected', 'cancelled', 'failed', 'superseded', 'rolled_back'))"
    " = (ended_at IS NOT NULL)",
    "error": "status NOT IN ('failed', 'rejected') OR error IS NOT NULL",
}


def _create_approvals() -> None:
    op.create_table(
        "approvals",
        *_texts("release_id", "actor", primary=True),
        *_texts("plan_digest", "reason", "at"),
        sa.ForeignKeyConstraint(
            ["release_id", "plan_digest"], ["releases.id", "releases.plan_digest"]
        ),
        *_checks({"actor": "actor <> ''"}),
    )


def _create_holds() -> None:
    op.create_table(
        "holds",
        *_texts("id", primary=True),
        *_texts("kind"),
        sa.Column("environment", _text, sa.ForeignKey("environments.name")),
        *_texts("manifest_hash", nullable=True),
        sa.Column("release_id", _text, sa.ForeignKey("releases.id")),
        *_texts("actor", "reason", "created_at"),
        *_texts("until", "lifted_by", "lifted_reason", "lifted_at", nullable=True),
        *_checks({
            "kind": "kind IN ('environment', 'retain')",
            "environment": "(kind = 'environment') = (environment IS NOT NULL)",
            "retained": "kind <> 'retain' OR manifest_hash IS NOT NULL",
            "reason": "actor <> '' AND trim(reason) <> ''",
            "lifted": "(lifted_at IS NULL) = (lifted_by IS NULL)"
            " AND (lifted_at IS NULL) = (lifted_reason IS NULL)",
        }),
    )  # fmt: skip
    _index(
        "one_hold_of_environment", "holds", ["environment"],
        where="kind = 'environment' AND lifted_at IS NULL", unique=True,
    )  # fmt: skip
    op.create_table(
        "tombstones",
        *_texts("manifest_hash", primary=True),
        *_texts("marked_by", "marked_at"),
        *_texts("deleted_at", nullable=True),
    )


def _create_transitions() -> None:
    op.create_table("transitions", *_texts("subject", "from_status", "to_status", primary=True))


def _create_events() -> None:
    op.create_table(
        "events",
        sa.Column("id", sa.Integer, primary_key=True),
        *_texts("subject", "subject_id"),
        *_texts("from_status", nullable=True),
        *_texts("to_status", "actor"),
        *_texts("detail", nullable=True),
        *_texts("at"),
        *_texts("facts", nullable=True),
        sa.Column("seq", sa.Integer, unique=True),
        *_texts("prev_hash", "hash", nullable=True),
        sa.ForeignKeyConstraint(
            ["subject", "from_status", "to_status"],
            ["transitions.subject", "transitions.from_status", "transitions.to_status"],
        ),
        *_checks({
            "sealed": "(hash IS NULL) = (seq IS NULL) AND (hash IS NULL) = (prev_hash IS NULL)"
            " AND (hash IS NULL) = (facts IS NULL)",
        }),
    )  # fmt: skip
    _index("events_of_subject", "events", ["subject", "subject_id"])
    _index("events_to_seal", "events", ["id"], where="hash IS NULL")


def _create_outbox() -> None:
    op.create_table(
        "outbox",
        sa.Column(
            "event_id", sa.Integer, sa.ForeignKey("events.id"), primary_key=True,
            autoincrement=False,
        ),
        *_texts("created_at"),
        *_texts("delivered_at", nullable=True),
    )  # fmt: skip
    _index("outbox_to_deliver", "outbox", ["event_id"], where="delivered_at IS NULL")


def _fill() -> None:
    """Take over every row.

    What ran under no lease has one that ended when the row was last written, of whoever asked for
    it, so that the next process takes it over. Builds had no events: the log begins with how each
    of them was found. The migration seals it all when it ends.
    """
    _copy("builds", _KEPT_OF_BUILDS, {
        "stage": f"CASE WHEN stage IN ({_STAGE_LIST}) THEN stage ELSE 'started' END",
        "priority": "0",
        "attempt": "CASE WHEN status = 'queued' THEN 0 ELSE 1 END",
        "lease_token": "CASE WHEN status = 'queued' THEN 0 ELSE 1 END",
        "lease_owner": "CASE WHEN status = 'running' THEN requested_by END",
        "lease_until": "CASE WHEN status = 'running' THEN created_at END",
        "cancelled_by": "CASE WHEN status = 'cancelled' THEN requested_by END",
        "started_at": "CASE WHEN status <> 'queued' THEN created_at END",
        "updated_by": "requested_by",
        "updated_at": "coalesce(finished_at, created_at)",
    }, order="created_at, id")  # fmt: skip
    # In the order in which they were written: each predecessor is there before its successor.
    _copy("releases", _KEPT_OF_RELEASES, {
        "generation": "CASE WHEN status <> 'pending' THEN generation END",
        "previous_release_id": "CASE WHEN status <> 'pending' THEN previous_release_id END",
        "plan_digest": "''",
        "approvals_needed": "0",
        "migration_class": "'none'",
        "recovery_attempts": "CASE WHEN status = 'recovery_required' THEN 1 ELSE 0 END",
        "lease_owner": f"CASE WHEN {_LEASED} THEN actor END",
        "lease_token": "1",
        "lease_until": f"CASE WHEN {_LEASED} THEN updated_at END",
        "deployed_at": "CASE WHEN status <> 'pending' THEN created_at END",
    }, order="environment, generation")  # fmt: skip
    op.execute(
        "INSERT INTO transitions (subject, from_status, to_status)"
        " SELECT DISTINCT 'release', from_status, to_status FROM events_0001"
        " WHERE from_status IS NOT NULL"
    )
    _copy("events", "from_status, to_status, actor, detail, at", {
        "id": "seq",
        "subject": "'release'",
        "subject_id": "release_id",
    }, order="seq")  # fmt: skip
    op.execute(
        "INSERT INTO events (id, subject, subject_id, to_status, actor, at)"
        " SELECT (SELECT coalesce(max(id), 0) FROM events)"
        " + row_number() OVER (ORDER BY created_at, id),"
        " 'build', id, status, updated_by, updated_at FROM builds"
    )
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "SELECT setval(pg_get_serial_sequence('events', 'id'),"
            " (SELECT coalesce(max(id), 0) + 1 FROM events), false)"
        )


def _copy(table: str, kept: str, made: dict[str, str], *, order: str) -> None:
    """Fill a table from the one set aside: columns that are kept, others with their SQL."""
    columns, values = ", ".join(made), ", ".join(made.values())
    op.execute(
        f"INSERT INTO {table} ({kept}, {columns})"  # noqa: S608 - our own names
        f" SELECT {kept}, {values} FROM {table}_0001 ORDER BY {order}"
    )


def _texts(*names: str, primary: bool = False, nullable: bool = False) -> list[sa.Column[str]]:
    if primary:
        return [sa.Column(name, _text, primary_key=True) for name in names]
    return [sa.Column(name, _text, nullable=nullable) for name in names]


def _checks(rules: dict[str, str]) -> list[sa.CheckConstraint]:
    return [sa.CheckConstraint(rule, name=name) for name, rule in rules.items()]


def _digest(column: str) -> str:
    return f"substr({column}, 1, 7) = 'sha256:' AND length({column}) = 71"


def _index(
    name: str, table: str, columns: list[str], *, where: str | None = None, unique: bool = False
) -> None:
    condition = None if where is None else sa.text(where)
    op.create_index(
        name, table, [sa.text(column) for column in columns], unique=unique,
        sqlite_where=condition, postgresql_where=condition,
    )  # fmt: skip
