"""Environments, builds, releases with their transitions, and events."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None

_document = sa.JSON().with_variant(JSONB(), "postgresql")


def upgrade() -> None:
    """Create the tables; their triggers follow when the migration has ended."""
    _create_environments()
    _create_builds()
    _create_releases()
    _create_events()


def _create_environments() -> None:
    op.create_table(
        "environments",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("rank", sa.Integer, nullable=False),
        sa.CheckConstraint("name <> ''", name="name"),
    )


def _create_builds() -> None:
    op.create_table(
        "builds",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("stage", sa.Text, nullable=False),
        sa.Column("progress", sa.Integer, nullable=False),
        sa.Column("profile", sa.Text, nullable=False),
        sa.Column("manifest_hash", sa.Text, nullable=False),
        sa.Column("image_digest", sa.Text),
        sa.Column("config_digest", sa.Text),
        sa.Column("image_ref", sa.Text),
        sa.Column("bundle", sa.Text),
        sa.Column("modules", _document, nullable=False),
        sa.Column("modules_delta", _document, nullable=False),
        sa.Column("requested_by", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("error", sa.Text),
        sa.Column("created_at", sa.Text, nullable=False),
        sa.Column("finished_at", sa.Text),
        sa.UniqueConstraint("id", "manifest_hash", "image_digest"),
        *_build_checks(),
    )
    _create_unique_where(
        "one_live_build", "builds", "manifest_hash", "status IN ('queued', 'running', 'succeeded')"
    )


def _build_checks() -> list[sa.CheckConstraint]:
    checks = {
        "status": "status IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')",
        "progress": "progress BETWEEN 0 AND 100",
        "manifest_hash": "substr(manifest_hash, 1, 7) = 'sha256:' AND length(manifest_hash) = 71",
        "image_digest": "substr(image_digest, 1, 7) = 'sha256:' AND length(image_digest) = 71",
        "image": "(status = 'succeeded') = (image_digest IS NOT NULL)",
        "evidence": "status <> 'succeeded' OR (config_digest IS NOT NULL"
        " AND image_ref IS NOT NULL AND bundle IS NOT NULL)",
        "error": "status <> 'failed' OR error IS NOT NULL",
        "finished": "(status IN ('succeeded', 'failed', 'cancelled')) = (finished_at IS NOT NULL)",
        "requested_by": "requested_by <> ''",
    }
    return [sa.CheckConstraint(rule, name=name) for name, rule in checks.items()]


def _create_releases() -> None:
    op.create_table(
        "releases",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("environment", sa.Text, sa.ForeignKey("environments.name"), nullable=False),
        sa.Column("generation", sa.Integer, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("build_id", sa.Text, nullable=False),
        sa.Column("manifest_hash", sa.Text, nullable=False),
        sa.Column("image_digest", sa.Text, nullable=False),
        sa.Column("target", sa.Text, nullable=False),
        sa.Column("port", sa.Integer, nullable=False),
        sa.Column("previous_release_id", sa.Text),
        sa.Column("restores_release_id", sa.Text),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("modules_delta", _document, nullable=False),
        sa.Column("created_at", sa.Text, nullable=False),
        sa.Column("activated_at", sa.Text),
        sa.Column("ended_at", sa.Text),
        sa.Column("error", sa.Text),
        sa.Column("updated_by", sa.Text, nullable=False),
        sa.Column("updated_at", sa.Text, nullable=False),
        sa.UniqueConstraint("environment", "generation"),
        sa.UniqueConstraint("id", "environment"),
        sa.UniqueConstraint("id", "environment", "build_id"),
        *_release_links(),
        *_release_checks(),
    )
    _create_unique_where("one_active_release", "releases", "environment", "status = 'active'")
    _create_unique_where(
        "one_release_in_flight", "releases", "environment",
        "status IN ('deploying', 'verifying', 'recovery_required')",
    )  # fmt: skip


def _release_links() -> list[sa.ForeignKeyConstraint]:
    return [
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
    ]


def _release_checks() -> list[sa.CheckConstraint]:
    checks = {
        "kind": "kind IN ('promote', 'rollback')",
        "status": "status IN ('pending', 'deploying', 'verifying', 'active',"
        " 'failed', 'superseded', 'rolled_back', 'recovery_required')",
        "generation": "generation >= 1",
        "restores": "(kind = 'rollback') = (restores_release_id IS NOT NULL)",
        "leaves": "kind <> 'rollback' OR previous_release_id IS NOT NULL",
        "itself": "previous_release_id <> id AND restores_release_id <> id",
        "elsewhere": "restores_release_id <> previous_release_id",
        "actor": "actor <> ''",
        "reason": "trim(reason) <> ''",
        "activated": "(status IN ('active', 'superseded', 'rolled_back'))"
        " = (activated_at IS NOT NULL)",
        "ended": "(status IN ('failed', 'superseded', 'rolled_back')) = (ended_at IS NOT NULL)",
        "error": "status <> 'failed' OR error IS NOT NULL",
    }
    return [sa.CheckConstraint(rule, name=name) for name, rule in checks.items()]


def _create_events() -> None:
    op.create_table(
        "release_transitions",
        sa.Column("from_status", sa.Text, primary_key=True),
        sa.Column("to_status", sa.Text, primary_key=True),
    )
    op.create_table(
        "events",
        sa.Column("seq", sa.Integer, primary_key=True),
        sa.Column("release_id", sa.Text, sa.ForeignKey("releases.id"), nullable=False, index=True),
        sa.Column("from_status", sa.Text),
        sa.Column("to_status", sa.Text, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("detail", sa.Text),
        sa.Column("at", sa.Text, nullable=False),
        sa.ForeignKeyConstraint(
            ["from_status", "to_status"],
            ["release_transitions.from_status", "release_transitions.to_status"],
        ),
    )


def _create_unique_where(name: str, table: str, column: str, condition: str) -> None:
    where = sa.text(condition)
    op.create_index(name, table, [column], unique=True, sqlite_where=where, postgresql_where=where)
