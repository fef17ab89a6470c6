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
    text,
)

from xtask.records import rules, triggers
from xtask.records.values import BuildStatus, ReleaseKind, ReleaseStatus

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Dialect
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


def _digest(column: str) -> str:
    return f"substr({column}, 1, 7) = 'sha256:' AND length({column}) = 71"


def _unique_where(name: str, column: Column[str], condition: str) -> Index:
    return Index(
        name, column, unique=True, sqlite_where=text(condition), postgresql_where=text(condition)
    )


environments = Table(
    "environments",
    metadata,
    Column("name", Text, primary_key=True),
    Column("rank", Integer, nullable=False),
    CheckConstraint("name <> ''", name="name"),
)

builds = Table(
    "builds",
    metadata,
    Column("id", Text, primary_key=True),
    Column("status", Text, nullable=False),
    Column("stage", Text, nullable=False),
    Column("progress", Integer, nullable=False),
    Column("profile", Text, nullable=False),
    Column("manifest_hash", Text, nullable=False),
    Column("image_digest", Text),
    Column("config_digest", Text),
    Column("image_ref", Text),
    Column("bundle", Text),
    Column("modules", _Document, nullable=False),
    Column("modules_delta", _Document, nullable=False),
    Column("requested_by", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("error", Text),
    Column("created_at", Text, nullable=False),
    Column("finished_at", Text),
    # What the foreign key of releases points at: the digests of a release are its build's.
    UniqueConstraint("id", "manifest_hash", "image_digest"),
    CheckConstraint(_one_of("status", get_args(BuildStatus)), name="status"),
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
    CheckConstraint(
        f"({_one_of('status', rules.FINISHED)}) = (finished_at IS NOT NULL)", name="finished"
    ),
    CheckConstraint("requested_by <> ''", name="requested_by"),
)
_unique_where("one_live_build", builds.c.manifest_hash, _one_of("status", rules.LIVE))

releases = Table(
    "releases",
    metadata,
    Column("id", Text, primary_key=True),
    Column("environment", Text, ForeignKey("environments.name"), nullable=False),
    Column("generation", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("build_id", Text, nullable=False),
    Column("manifest_hash", Text, nullable=False),
    Column("image_digest", Text, nullable=False),
    # Where it serves, so that leaving it needs no file that may have changed since.
    Column("target", Text, nullable=False),
    Column("port", Integer, nullable=False),
    Column("previous_release_id", Text),
    Column("restores_release_id", Text),
    Column("actor", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("modules_delta", _Document, nullable=False),
    Column("created_at", Text, nullable=False),
    Column("activated_at", Text),
    Column("ended_at", Text),
    Column("error", Text),
    # Who moved the status last, and when: the trigger copies both into the event.
    Column("updated_by", Text, nullable=False),
    Column("updated_at", Text, nullable=False),
    UniqueConstraint("environment", "generation"),
    UniqueConstraint("id", "environment"),
    UniqueConstraint("id", "environment", "build_id"),
    ForeignKeyConstraint(
        ["build_id", "manifest_hash", "image_digest"],
        ["builds.id", "builds.manifest_hash", "builds.image_digest"],
    ),
    # The predecessor is of the same environment. It must exist at insertion and never changes,
    # so the links cannot form a cycle longer than the one that a check refuses.
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
    CheckConstraint("generation >= 1", name="generation"),
    CheckConstraint("(kind = 'rollback') = (restores_release_id IS NOT NULL)", name="restores"),
    CheckConstraint("kind <> 'rollback' OR previous_release_id IS NOT NULL", name="leaves"),
    CheckConstraint("previous_release_id <> id AND restores_release_id <> id", name="itself"),
    CheckConstraint("restores_release_id <> previous_release_id", name="elsewhere"),
    CheckConstraint("actor <> ''", name="actor"),
    CheckConstraint("trim(reason) <> ''", name="reason"),
    CheckConstraint(
        f"({_one_of('status', rules.ONCE_ACTIVE)}) = (activated_at IS NOT NULL)", name="activated"
    ),
    CheckConstraint(f"({_one_of('status', rules.ENDED)}) = (ended_at IS NOT NULL)", name="ended"),
    CheckConstraint("status <> 'failed' OR error IS NOT NULL", name="error"),
)
_unique_where("one_active_release", releases.c.environment, "status = 'active'")
_unique_where("one_release_in_flight", releases.c.environment, _one_of("status", rules.IN_FLIGHT))

release_transitions = Table(
    "release_transitions",
    metadata,
    Column("from_status", Text, primary_key=True),
    Column("to_status", Text, primary_key=True),
)

events = Table(
    "events",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("release_id", Text, ForeignKey("releases.id"), nullable=False, index=True),
    Column("from_status", Text),
    Column("to_status", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("detail", Text),
    Column("at", Text, nullable=False),
    ForeignKeyConstraint(
        ["from_status", "to_status"],
        ["release_transitions.from_status", "release_transitions.to_status"],
    ),
)

event.listen(metadata, "after_create", triggers.install)
