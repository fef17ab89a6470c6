"""The tables and the rules that their constraints hold, the same on SQLite and PostgreSQL.

What one row cannot say about itself (allowed transitions, immutability) is in `triggers`.
A change here needs a new revision in `migrations/versions`, a new `SCHEMA` and `schema.sql` anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

from sqlalchemy import (
    JSON,
    CheckConstraint,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    event,
    literal_column,
    text,
)

from xtask.records import rules, triggers
from xtask.records.values import BuildStatus, HoldKind, MigrationClass, ReleaseKind, ReleaseStatus

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import ColumnElement, Dialect
    from sqlalchemy.types import TypeEngine

# Without names, SQLite cannot drop a constraint in a later migration.
metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


# Compared by bytes, as SQLite does: order is the same on both, and a prefix is a range of an index.
_Text = Text().with_variant(Text(collation="C"), "postgresql")


class _Document(TypeDecorator[Any]):
    """JSON; on PostgreSQL `jsonb`, whose types are not imported without it."""

    impl = JSON
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "postgresql":
            from sqlalchemy.dialects.postgresql import JSONB  # noqa: PLC0415 - start-up

            return dialect.type_descriptor(JSONB())
        return dialect.type_descriptor(JSON())


def _one_of(column: str, values: Iterable[str]) -> str:
    return f"{column} IN ({', '.join(repr(value) for value in values)})"


def among(column: ColumnElement[str], values: Iterable[str]) -> ColumnElement[bool]:
    """Return the condition with its values written out.

    SQLite takes an index of some rows only for a query whose text says that it wants those.
    """
    literals: list[ColumnElement[str]] = [literal_column(repr(value)) for value in values]
    return column == literals[0] if len(literals) == 1 else column.in_(literals)


def _digest(column: str) -> str:
    return f"substr({column}, 1, 7) = 'sha256:' AND length({column}) = 71"


def _where(name: str, *columns: ColumnElement[Any], condition: str, unique: bool = False) -> Index:
    """Return an index of some rows."""
    where = text(condition)
    return Index(name, *columns, unique=unique, sqlite_where=where, postgresql_where=where)


environments = Table(
    "environments",
    metadata,
    Column("name", _Text, primary_key=True),
    Column("rank", Integer, nullable=False),
    CheckConstraint("name <> ''", name="name"),
)

builds = Table(
    "builds",
    metadata,
    Column("id", _Text, primary_key=True),
    Column("status", _Text, nullable=False),
    Column("stage", _Text, nullable=False),
    Column("progress", Integer, nullable=False),
    Column("profile", _Text, nullable=False),
    Column("manifest_hash", _Text, nullable=False),
    Column("image_digest", _Text),
    Column("config_digest", _Text),
    Column("image_ref", _Text),
    Column("bundle", _Text),
    Column("modules", _Document, nullable=False),
    Column("modules_delta", _Document, nullable=False),
    Column("requested_by", _Text, nullable=False),
    Column("reason", _Text, nullable=False),
    # The commit that a worker checks out; none for a build of what lies in a folder.
    Column("revision", _Text),
    Column("priority", Integer, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("lease_owner", _Text),
    Column("lease_token", Integer, nullable=False),
    Column("lease_until", _Text),
    Column("cancelled_by", _Text),
    Column("error", _Text),
    Column("created_at", _Text, nullable=False),
    Column("started_at", _Text),
    Column("finished_at", _Text),
    # Who moved the status last, and when: the trigger copies both into the event.
    Column("updated_by", _Text, nullable=False),
    Column("updated_at", _Text, nullable=False),
    # What the foreign key of releases points at: the digests of a release are its build's.
    UniqueConstraint("id", "manifest_hash", "image_digest"),
    CheckConstraint(_one_of("status", get_args(BuildStatus)), name="status"),
    CheckConstraint(_one_of("stage", rules.BUILD_STAGES), name="stage"),
    CheckConstraint("progress BETWEEN 0 AND 100", name="progress"),
    CheckConstraint(_digest("manifest_hash"), name="manifest_hash"),
    CheckConstraint(_digest("image_digest"), name="image_digest"),
    CheckConstraint("(status = 'succeeded') = (image_digest IS NOT NULL)", name="image"),
    CheckConstraint(
        "status <> 'succeeded' OR (config_digest IS NOT NULL AND image_ref IS NOT NULL"
        " AND bundle IS NOT NULL)",
        name="evidence",
    ),
    CheckConstraint("status <> 'failed' OR error IS NOT NULL", name="error"),
    CheckConstraint("status <> 'cancelled' OR cancelled_by IS NOT NULL", name="cancelled"),
    CheckConstraint(
        f"({_one_of('status', rules.FINISHED)}) = (finished_at IS NOT NULL)", name="finished"
    ),
    CheckConstraint(
        "(status = 'running') = (lease_owner IS NOT NULL)"
        " AND (status = 'running') = (lease_until IS NOT NULL)",
        name="lease",
    ),
    CheckConstraint(f"attempt BETWEEN 0 AND {rules.MAX_ATTEMPTS}", name="attempt"),
    CheckConstraint("requested_by <> ''", name="requested_by"),
)
_where(
    "one_live_build", builds.c.manifest_hash, condition=_one_of("status", rules.LIVE), unique=True
)
_where(
    "builds_to_claim", builds.c.status, builds.c.priority.desc(), builds.c.created_at, builds.c.id,
    condition="status IN ('queued', 'running')",
)  # fmt: skip
_where(
    "builds_succeeded", builds.c.finished_at.desc(), builds.c.created_at.desc(), builds.c.id.desc(),
    condition="status = 'succeeded'",
)  # fmt: skip
Index("builds_newest", builds.c.created_at.desc(), builds.c.id.desc())
Index("builds_of_manifest", builds.c.manifest_hash)

# What a builder said, line by line, so that it can be followed from anywhere.
build_lines = Table(
    "build_lines",
    metadata,
    Column("build_id", _Text, ForeignKey("builds.id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("at", _Text, nullable=False),
    Column("line", _Text, nullable=False),
    CheckConstraint("number >= 1", name="number"),
)

releases = Table(
    "releases",
    metadata,
    Column("id", _Text, primary_key=True),
    Column("environment", _Text, ForeignKey("environments.name"), nullable=False),
    Column("generation", Integer),
    Column("kind", _Text, nullable=False),
    Column("status", _Text, nullable=False),
    Column("build_id", _Text, nullable=False),
    Column("manifest_hash", _Text, nullable=False),
    Column("image_digest", _Text, nullable=False),
    # Where it serves, so that leaving it needs no file that may have changed since.
    Column("target", _Text, nullable=False),
    Column("port", Integer, nullable=False),
    Column("previous_release_id", _Text),
    Column("restores_release_id", _Text),
    Column("actor", _Text, nullable=False),
    Column("reason", _Text, nullable=False),
    # The digest of everything that was looked at when it was decided; what approvals are bound to.
    Column("plan_digest", _Text, nullable=False),
    Column("approvals_needed", Integer, nullable=False),
    Column("migration_class", _Text, nullable=False),
    # The freeze window that a rollback passed.
    Column("passed_freeze", _Text),
    Column("modules_delta", _Document, nullable=False),
    # The same key is the same command: `request_digest` says what it asked for.
    Column("idempotency_key", _Text),
    Column("request_digest", _Text),
    Column("recovery_attempts", Integer, nullable=False),
    Column("lease_owner", _Text),
    Column("lease_token", Integer, nullable=False),
    Column("lease_until", _Text),
    Column("created_at", _Text, nullable=False),
    Column("deployed_at", _Text),
    Column("activated_at", _Text),
    Column("ended_at", _Text),
    Column("error", _Text),
    Column("updated_by", _Text, nullable=False),
    Column("updated_at", _Text, nullable=False),
    UniqueConstraint("environment", "generation"),
    UniqueConstraint("environment", "idempotency_key"),
    UniqueConstraint("id", "environment"),
    UniqueConstraint("id", "environment", "build_id"),
    UniqueConstraint("id", "plan_digest"),
    ForeignKeyConstraint(
        ["build_id", "manifest_hash", "image_digest"],
        ["builds.id", "builds.manifest_hash", "builds.image_digest"],
    ),
    # The predecessor is of the same environment. It is written once, when it is the active
    # release, so the links cannot form a cycle longer than the one that a check refuses.
    ForeignKeyConstraint(
        ["previous_release_id", "environment"], ["releases.id", "releases.environment"]
    ),
    # A rollback never builds: it carries the build of the release that it restores.
    ForeignKeyConstraint(
        ["restores_release_id", "environment", "build_id"],
        ["releases.id", "releases.environment", "releases.build_id"],
    ),
    CheckConstraint(_one_of("kind", get_args(ReleaseKind)), name="kind"),
    CheckConstraint(_one_of("status", get_args(ReleaseStatus)), name="status"),
    CheckConstraint(_one_of("migration_class", get_args(MigrationClass)), name="migration_class"),
    CheckConstraint("generation >= 1", name="generation"),
    CheckConstraint(
        f"({_one_of('status', rules.BEFORE_DEPLOYMENT)}) = (generation IS NULL)"
        " AND (generation IS NULL) = (deployed_at IS NULL)"
        " AND (generation IS NOT NULL OR previous_release_id IS NULL)",
        name="deployed",
    ),
    CheckConstraint("(kind = 'rollback') = (restores_release_id IS NOT NULL)", name="restores"),
    CheckConstraint(
        "kind = 'promote' OR generation IS NULL OR previous_release_id IS NOT NULL", name="leaves"
    ),
    CheckConstraint("previous_release_id <> id AND restores_release_id <> id", name="itself"),
    CheckConstraint("restores_release_id <> previous_release_id", name="elsewhere"),
    CheckConstraint("approvals_needed >= 0", name="approvals_needed"),
    CheckConstraint("kind = 'promote' OR approvals_needed = 0", name="at_once"),
    CheckConstraint("(idempotency_key IS NULL) = (request_digest IS NULL)", name="request"),
    CheckConstraint("recovery_attempts BETWEEN 0 AND 1", name="recovery_attempts"),
    CheckConstraint(
        "status NOT IN ('recovering', 'recovery_required') OR recovery_attempts = 1",
        name="recovery",
    ),
    CheckConstraint(
        f"({_one_of('status', rules.LEASED)}) = (lease_owner IS NOT NULL)"
        f" AND ({_one_of('status', rules.LEASED)}) = (lease_until IS NOT NULL)",
        name="lease",
    ),
    CheckConstraint("actor <> ''", name="actor"),
    CheckConstraint("trim(reason) <> ''", name="reason"),
    CheckConstraint(
        f"({_one_of('status', rules.ONCE_ACTIVE)}) = (activated_at IS NOT NULL)", name="activated"
    ),
    CheckConstraint(f"({_one_of('status', rules.ENDED)}) = (ended_at IS NOT NULL)", name="ended"),
    CheckConstraint("status NOT IN ('failed', 'rejected') OR error IS NOT NULL", name="error"),
)
_where("one_active_release", releases.c.environment, condition="status = 'active'", unique=True)
_where(
    "one_release_in_flight",
    releases.c.environment,
    condition=_one_of("status", rules.IN_FLIGHT),
    unique=True,
)
_where(
    "releases_pending", releases.c.environment, releases.c.created_at,
    condition="status = 'pending'",
)  # fmt: skip
Index("releases_newest", releases.c.created_at.desc(), releases.c.id.desc())
Index(
    "releases_of_environment", releases.c.environment, releases.c.created_at.desc(),
    releases.c.id.desc(),
)  # fmt: skip
Index("releases_of_build", releases.c.build_id)
Index(
    "releases_of_manifest", releases.c.environment, releases.c.manifest_hash, releases.c.generation
)
Index("releases_after", releases.c.previous_release_id)

approvals = Table(
    "approvals",
    metadata,
    Column("release_id", _Text, primary_key=True),
    Column("actor", _Text, primary_key=True),
    Column("plan_digest", _Text, nullable=False),
    Column("reason", _Text, nullable=False),
    Column("at", _Text, nullable=False),
    # Bound to the plan: another plan is another release.
    ForeignKeyConstraint(["release_id", "plan_digest"], ["releases.id", "releases.plan_digest"]),
    CheckConstraint("actor <> ''", name="actor"),
)

holds = Table(
    "holds",
    metadata,
    Column("id", _Text, primary_key=True),
    Column("kind", _Text, nullable=False),
    Column("environment", _Text, ForeignKey("environments.name")),
    Column("manifest_hash", _Text),
    Column("release_id", _Text, ForeignKey("releases.id")),
    Column("actor", _Text, nullable=False),
    Column("reason", _Text, nullable=False),
    Column("created_at", _Text, nullable=False),
    Column("until", _Text),
    Column("lifted_by", _Text),
    Column("lifted_reason", _Text),
    Column("lifted_at", _Text),
    CheckConstraint(_one_of("kind", get_args(HoldKind)), name="kind"),
    CheckConstraint("(kind = 'environment') = (environment IS NOT NULL)", name="environment"),
    CheckConstraint("kind <> 'retain' OR manifest_hash IS NOT NULL", name="retained"),
    CheckConstraint("actor <> '' AND trim(reason) <> ''", name="reason"),
    CheckConstraint(
        "(lifted_at IS NULL) = (lifted_by IS NULL)"
        " AND (lifted_at IS NULL) = (lifted_reason IS NULL)",
        name="lifted",
    ),
)
_where(
    "one_hold_of_environment",
    holds.c.environment,
    condition="kind = 'environment' AND lifted_at IS NULL",
    unique=True,
)

# Bundles that nothing needs any more, and since when: their bytes go after a time of grace.
tombstones = Table(
    "tombstones",
    metadata,
    Column("manifest_hash", _Text, primary_key=True),
    Column("marked_by", _Text, nullable=False),
    Column("marked_at", _Text, nullable=False),
    Column("deleted_at", _Text),
)

transitions = Table(
    "transitions",
    metadata,
    Column("subject", _Text, primary_key=True),
    Column("from_status", _Text, primary_key=True),
    Column("to_status", _Text, primary_key=True),
)

events = Table(
    "events",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("subject", _Text, nullable=False),
    Column("subject_id", _Text, nullable=False),
    Column("from_status", _Text),
    Column("to_status", _Text, nullable=False),
    Column("actor", _Text, nullable=False),
    Column("detail", _Text),
    Column("at", _Text, nullable=False),
    # Written by `chain.seal` at the end of the same transaction.
    Column("facts", _Text),
    Column("seq", Integer, unique=True),
    Column("prev_hash", _Text),
    Column("hash", _Text),
    ForeignKeyConstraint(
        ["subject", "from_status", "to_status"],
        ["transitions.subject", "transitions.from_status", "transitions.to_status"],
    ),
    CheckConstraint(
        "(hash IS NULL) = (seq IS NULL) AND (hash IS NULL) = (prev_hash IS NULL)"
        " AND (hash IS NULL) = (facts IS NULL)",
        name="sealed",
    ),
)
Index("events_of_subject", events.c.subject, events.c.subject_id)
_where("events_to_seal", events.c.id, condition="hash IS NULL")

# What others have to be told, in the transaction that made it true.
outbox = Table(
    "outbox",
    metadata,
    Column("event_id", Integer, ForeignKey("events.id"), primary_key=True, autoincrement=False),
    Column("created_at", _Text, nullable=False),
    Column("delivered_at", _Text),
)
_where("outbox_to_deliver", outbox.c.event_id, condition="delivered_at IS NULL")

event.listen(metadata, "after_create", triggers.install)
