"""Every query about environments; their rows are what a writer of releases locks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import bindparam, select, text

from xtask.diagnostics import did_you_mean, listed
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
        with self.reading() as connection:
            return names_by_rank(connection)

    def wanted_environments(self, name: str | None) -> tuple[str, ...]:
        """Return one environment, or all of them by rank when none is asked for.

        Raises:
            RefusedError: it is not recorded.
        """
        with self.reading() as connection:
            if name is None:
                return names_by_rank(connection)
            require_environment(connection, name)
            return (name,)


_by_rank = select(tables.environments.c.name).order_by(
    tables.environments.c.rank, tables.environments.c.name
)
_named = select(tables.environments.c.name).where(tables.environments.c.name == bindparam("name"))
_locked = _named.with_for_update()


def lock_environments(connection: Connection) -> None:
    """Hold all environments until the commit: nobody begins a release meanwhile."""
    names = tables.environments.c.name
    connection.execute(select(names).order_by(names).with_for_update()).all()


def names_by_rank(connection: Connection) -> tuple[str, ...]:
    """Return the names of all environments by rank, then by name."""
    return tuple(connection.execute(_by_rank).scalars())


def require_environment(connection: Connection, name: str, *, lock: bool = False) -> None:
    """Raise RefusedError unless the environment exists; with `lock`, hold it until the commit.

    On SQLite the whole transaction is that lock.
    """
    if connection.execute(_locked if lock else _named, {"name": name}).first() is None:
        known = names_by_rank(connection)
        raise RefusedError(
            f"no environment `{name[:80]}` is recorded",
            help=did_you_mean(name, known) or f"there are: {listed(known) or 'none yet'}",
        )
