"""The tables and the rules that their constraints hold, the same on SQLite and PostgreSQL.

What one row cannot say about itself (allowed transitions, immutability) is in `triggers`.
A change here needs a new revision in `migrations/versions`, a new `SCHEMA` and `schema.sql` anew.
"""

from __future__ import annotations

from typing import get_args

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    Table,
    UniqueConstraint,
    event,
)

from xtask.records import rules, triggers
from xtask.records.columns import Document, Words, is_digest, one_of, rows_where
from xtask.records.values import BuildStatus, HoldKind, MigrationClass, ReleaseKind, ReleaseStatus

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

environments = Table(
    "environments",
    metadata,
    Column("name", Words, primary_key=True),
    Column("rank", Integer, nullable=False),
    CheckConstraint("name <> ''", name="name"),
)

builds = Table(
    "builds",
    metadata,
    Column("id", Words, primary_key=True),
    Column("status", Words, nullable=False),
    Column("stage", Words, nullable=False),
    Column("progress", Integer, nullable=False),
    Column("profile", Words, nullable=False),
    Column("manifest_hash", Words, nullable=False),
    Column("image_digest", Words),
    Column("config_digest", Words),
    Column("image_ref", Words),
    Column("bundle", Words),
    Column("modules", Document, nullable=False),
    Column("modules_delta", Document, nullable=False),
    Column("requested_by", Words, nullable=False),
    Column("reason", Words, nullable=False),
    # The commit that a worker checks out; none for a build of what lies in a folder.
    Column("revision", Words),
    Column("priority", Integer, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("lease_owner", Words),
    Column("lease_token", Integer, nullable=False),
    Column("lease_until", Words),
    Column("cancelled_by", Words),
    Column("error", Words),
    Column("created_at", Words, nullable=False),
    Column("started_at", Words),
    Column("finished_at", Words),
    # Who moved the status last, and when: the trigger copies both into the event.
    Column("updated_by", Words, nullable=False),
    Column("updated_at", Words, nullable=False),
    # What the foreign key of releases points at: the digests of a release are its build's.
    UniqueConstraint("id", "manifest_hash", "image_digest"),
    CheckConstraint(one_of("status", get_args(BuildStatus)), name="status"),
    CheckConstraint(one_of("stage", rules.BUILD_STAGES), name="stage"),
    CheckConstraint("progress BETWEEN 0 AND 100", name="progress"),
    CheckConstraint(is_digest("manifest_hash"), name="manifest_hash"),
    CheckConstraint(is_digest("image_digest"), name="image_digest"),
    CheckConstraint("(status = 'succeeded') = (image_digest IS NOT NULL)", name="image"),
    CheckConstraint(
        "status <> 'succeeded' OR (config_digest IS NOT NULL AND image_ref IS NOT NULL"
        " AND bundle IS NOT NULL)",
        name="evidence",
    ),
    CheckConstraint("status <> 'failed' OR error IS NOT NULL", name="error"),
    CheckConstraint("status <> 'cancelled' OR cancelled_by IS NOT NULL", name="cancelled"),
    CheckConstraint(
        f"({one_of('status', rules.FINISHED)}) = (finished_at IS NOT NULL)", name="finished"
    ),
    CheckConstraint(
        "(status = 'running') = (lease_owner IS NOT NULL)"
        " AND (status = 'running') = (lease_until IS NOT NULL)",
        name="lease",
    ),
    CheckConstraint(f"attempt BETWEEN 0 AND {rules.MAX_ATTEMPTS}", name="attempt"),
    CheckConstraint("requested_by <> ''", name="requested_by"),
)
rows_where(
    "one_live_build", builds.c.manifest_hash, condition=one_of("status", rules.LIVE), unique=True
)
rows_where(
    "builds_to_claim", builds.c.status, builds.c.priority.desc(), builds.c.created_at, builds.c.id,
    condition="status IN ('queued', 'running')",
)  # fmt: skip
rows_where(
    "builds_succeeded", builds.c.finished_at.desc(), builds.c.created_at.desc(), builds.c.id.desc(),
    condition="status = 'succeeded'",
)  # fmt: skip
Index("builds_newest", builds.c.created_at.desc(), builds.c.id.desc())
Index("builds_of_manifest", builds.c.manifest_hash)

# What a builder said, line by line, so that it can be followed from anywhere.
build_lines = Table(
    "build_lines",
    metadata,
    Column("build_id", Words, ForeignKey("builds.id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("at", Words, nullable=False),
    Column("line", Words, nullable=False),
    CheckConstraint("number >= 1", name="number"),
)

# What an environment gives to a release, as canonical JSON; many releases have the same.
configurations = Table(
    "configurations",
    metadata,
    Column("digest", Words, primary_key=True),
    Column("content", Words, nullable=False),
    CheckConstraint(is_digest("digest"), name="digest"),
)

releases = Table(
    "releases",
    metadata,
    Column("id", Words, primary_key=True),
    Column("environment", Words, ForeignKey("environments.name"), nullable=False),
    Column("generation", Integer),
    Column("kind", Words, nullable=False),
    Column("status", Words, nullable=False),
    Column("build_id", Words, nullable=False),
    Column("manifest_hash", Words, nullable=False),
    Column("image_digest", Words, nullable=False),
    # Where it serves, so that leaving it needs no file that may have changed since.
    Column("target", Words, nullable=False),
    Column("port", Integer, nullable=False),
    Column("configuration", Words, ForeignKey("configurations.digest")),
    Column("previous_release_id", Words),
    Column("restores_release_id", Words),
    Column("actor", Words, nullable=False),
    Column("reason", Words, nullable=False),
    # The digest of everything that was looked at when it was decided; what approvals are bound to.
    Column("plan_digest", Words, nullable=False),
    Column("approvals_needed", Integer, nullable=False),
    Column("migration_class", Words, nullable=False),
    # The freeze window that a rollback passed.
    Column("passed_freeze", Words),
    # The hold that it ends when it begins; whoever agrees with it agrees with that.
    Column("ends_hold_id", Words),
    Column("modules_delta", Document, nullable=False),
    # The same key is the same command: `request_digest` says what it asked for.
    Column("idempotency_key", Words),
    Column("request_digest", Words),
    Column("recovery_attempts", Integer, nullable=False),
    Column("lease_owner", Words),
    Column("lease_token", Integer, nullable=False),
    Column("lease_until", Words),
    Column("created_at", Words, nullable=False),
    Column("deployed_at", Words),
    Column("activated_at", Words),
    Column("ended_at", Words),
    Column("error", Words),
    Column("updated_by", Words, nullable=False),
    Column("updated_at", Words, nullable=False),
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
    CheckConstraint(one_of("kind", get_args(ReleaseKind)), name="kind"),
    CheckConstraint(one_of("status", get_args(ReleaseStatus)), name="status"),
    CheckConstraint(one_of("migration_class", get_args(MigrationClass)), name="migration_class"),
    CheckConstraint("generation >= 1", name="generation"),
    CheckConstraint(
        f"({one_of('status', rules.BEFORE_DEPLOYMENT)}) = (generation IS NULL)"
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
    CheckConstraint("kind = 'promote' OR ends_hold_id IS NULL", name="ends_hold"),
    CheckConstraint("(idempotency_key IS NULL) = (request_digest IS NULL)", name="request"),
    CheckConstraint("recovery_attempts BETWEEN 0 AND 1", name="recovery_attempts"),
    CheckConstraint(
        "status NOT IN ('recovering', 'recovery_required') OR recovery_attempts = 1",
        name="recovery",
    ),
    CheckConstraint(
        f"({one_of('status', rules.LEASED)}) = (lease_owner IS NOT NULL)"
        f" AND ({one_of('status', rules.LEASED)}) = (lease_until IS NOT NULL)",
        name="lease",
    ),
    CheckConstraint("actor <> ''", name="actor"),
    CheckConstraint("trim(reason) <> ''", name="reason"),
    CheckConstraint(
        f"({one_of('status', rules.ONCE_ACTIVE)}) = (activated_at IS NOT NULL)", name="activated"
    ),
    CheckConstraint(f"({one_of('status', rules.ENDED)}) = (ended_at IS NOT NULL)", name="ended"),
    CheckConstraint("status NOT IN ('failed', 'rejected') OR error IS NOT NULL", name="error"),
)
rows_where("one_active_release", releases.c.environment, condition="status = 'active'", unique=True)
rows_where(
    "one_release_in_flight",
    releases.c.environment,
    condition=one_of("status", rules.IN_FLIGHT),
    unique=True,
)
rows_where(
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
    Column("release_id", Words, primary_key=True),
    Column("actor", Words, primary_key=True),
    Column("plan_digest", Words, nullable=False),
    Column("reason", Words, nullable=False),
    Column("at", Words, nullable=False),
    # Bound to the plan: another plan is another release.
    ForeignKeyConstraint(["release_id", "plan_digest"], ["releases.id", "releases.plan_digest"]),
    CheckConstraint("actor <> ''", name="actor"),
)

holds = Table(
    "holds",
    metadata,
    Column("id", Words, primary_key=True),
    Column("kind", Words, nullable=False),
    Column("environment", Words, ForeignKey("environments.name")),
    Column("manifest_hash", Words),
    Column("release_id", Words, ForeignKey("releases.id")),
    Column("actor", Words, nullable=False),
    Column("reason", Words, nullable=False),
    Column("created_at", Words, nullable=False),
    Column("until", Words),
    Column("lifted_by", Words),
    Column("lifted_reason", Words),
    Column("lifted_at", Words),
    CheckConstraint(one_of("kind", get_args(HoldKind)), name="kind"),
    CheckConstraint("(kind = 'environment') = (environment IS NOT NULL)", name="environment"),
    CheckConstraint("kind <> 'retain' OR manifest_hash IS NOT NULL", name="retained"),
    CheckConstraint("actor <> '' AND trim(reason) <> ''", name="reason"),
    CheckConstraint(
        "(lifted_at IS NULL) = (lifted_by IS NULL)"
        " AND (lifted_at IS NULL) = (lifted_reason IS NULL)",
        name="lifted",
    ),
)
rows_where(
    "one_hold_of_environment",
    holds.c.environment,
    condition="kind = 'environment' AND lifted_at IS NULL",
    unique=True,
)

# Bundles that nothing needs any more, and since when: their bytes go after a time of grace.
tombstones = Table(
    "tombstones",
    metadata,
    Column("manifest_hash", Words, primary_key=True),
    Column("marked_by", Words, nullable=False),
    Column("marked_at", Words, nullable=False),
    Column("deleted_at", Words),
)

transitions = Table(
    "transitions",
    metadata,
    Column("subject", Words, primary_key=True),
    Column("from_status", Words, primary_key=True),
    Column("to_status", Words, primary_key=True),
)

events = Table(
    "events",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("subject", Words, nullable=False),
    Column("subject_id", Words, nullable=False),
    Column("from_status", Words),
    Column("to_status", Words, nullable=False),
    Column("actor", Words, nullable=False),
    Column("detail", Words),
    Column("at", Words, nullable=False),
    # Written by `chain.seal` at the end of the same transaction.
    Column("facts", Words),
    Column("seq", Integer, unique=True),
    Column("prev_hash", Words),
    Column("hash", Words),
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
rows_where("events_to_seal", events.c.id, condition="hash IS NULL")

# What others have to be told, in the transaction that made it true.
outbox = Table(
    "outbox",
    metadata,
    Column("event_id", Integer, ForeignKey("events.id"), primary_key=True, autoincrement=False),
    Column("created_at", Words, nullable=False),
    Column("delivered_at", Words),
)
rows_where("outbox_to_deliver", outbox.c.event_id, condition="delivered_at IS NULL")

event.listen(metadata, "after_create", triggers.install)
