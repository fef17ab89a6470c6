"""How the row of a release moves: the one statement behind every change of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, update

from xtask.records import rules, tables
from xtask.records.values import Release

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from xtask.records.values import ReleaseStatus

_change = (
    update(tables.releases)
    .where(tables.releases.c.id == bindparam("of_id"))
    .returning(tables.releases)
)


def move(
    connection: Connection,
    release: Release,
    to: ReleaseStatus,
    at: str,
    *,
    actor: str | None = None,
    **columns: Any,  # noqa: ANN401 - columns
) -> Release:
    """Give a release another status, and return it.

    Args:
        connection: a transaction that has the environment's lock.
        release: as it was read under that lock.
        to: its status from now on.
        at: the present moment.
        actor: who says so, default who asked for it.
        columns: what else changes.

    Raises:
        RefusedError: it may not go there.
    """
    rules.require_release_transition(release.id, release.status, to)
    by = {"updated_by": actor or release.actor, "updated_at": at}
    return change(connection, release, status=to, **by, **columns)


def change(connection: Connection, release: Release, **columns: Any) -> Release:  # noqa: ANN401 - columns
    """Change columns of a release in such a transaction, and return it."""
    row = connection.execute(_change, {"of_id": release.id, **columns})
    return Release.from_row(row.mappings().one())
