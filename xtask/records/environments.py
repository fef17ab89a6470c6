"""Every query about environments; their rows are what a writer of releases locks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select, text

from xtask.errors import RefusedError
from xtask.records import tables
from xtask.records.connection import Database

if TYPE_CHECKING:
    from sqlalchemy import Connection

_upsert = text(
    "INSERT INTO environments (name, rank) VALUES (:name, :rank)"
    " ON CONFLICT (name) DO UPDATE SET rank = excluded.rank"
)


class Environments(Database):
    """The places where builds serve, by rank on the way to production."""

    __slots__ = ()

    def ensure_environment(self, name: str, rank: int) -> None:
        """Create the environment, or give it this rank."""
        with self.writing() as connection:
            connection.execute(_upsert, {"name": name, "rank": rank})

    def environment_names(self) -> tuple[str, ...]:
        """Return the names of all environments by rank, then by name."""
        columns = tables.environments.c
        query = select(columns.name).order_by(columns.rank, columns.name)
        with self.reading() as connection:
            return tuple(connection.execute(query).scalars())


def require_environment(connection: Connection, name: str, *, lock: bool = False) -> None:
    """Raise RefusedError unless the environment exists; with `lock`, hold it until the commit.

    On SQLite the whole transaction is that lock.
    """
    names = tables.environments.c.name
    query = select(names).where(names == name)
    if connection.execute(query.with_for_update() if lock else query).first() is None:
        known = ", ".join(connection.execute(select(names).order_by(names)).scalars())
        raise RefusedError(
            f"no environment {name!r} is recorded", help=f"known: {known or 'none yet'}"
        )
