"""What must not change: environments that were rolled back, and bytes that must stay."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, insert, or_, select, update

from xtask.errors import RefusedError
from xtask.records import tables
from xtask.records.connection import Database
from xtask.records.environments import lock_environments, require_environment
from xtask.records.retention import exhume
from xtask.records.values import Hold

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from xtask.records.values import Build


class Holds(Database):
    """Holds are placed, lifted once, and never deleted."""

    __slots__ = ()

    def hold_environment(self, environment: str, *, actor: str, reason: str) -> Hold:
        """Refuse promotions to an environment until somebody lifts it.

        Raises:
            RefusedError: there is no such environment, it is held already, or no reason is given.
        """
        with self.writing() as connection:
            require_environment(connection, environment, lock=True)
            if hold := hold_of(connection, environment):
                raise RefusedError(f"{environment} is held already by {hold.actor}: {hold.reason}")
            facts = {"kind": "environment", "environment": environment}
            return self._place(connection, facts, actor=actor, reason=reason)

    def retain(self, build: Build, *, actor: str, reason: str, until: str | None = None) -> Hold:
        """Keep everything that a build made, until a moment or until lifted.

        Raises:
            RefusedError: it was removed, or no reason is given.
        """
        facts = {"kind": "retain", "manifest_hash": build.manifest_hash, "until": until}
        with self.writing() as connection:
            lock_environments(connection)  # what is about to be removed is gone after this
            exhume(connection, build)
            return self._place(connection, facts, actor=actor, reason=reason)

    def lift(self, hold_id: str, *, actor: str, reason: str) -> Hold:
        """End a hold.

        Raises:
            RefusedError: there is none of this id that is not lifted, or no reason is given.
        """
        _require_reason(reason)
        with self.writing() as connection:
            found = _one(connection, hold_id)
            if found.lifted_at is not None:
                raise RefusedError(f"hold {hold_id} was lifted by {found.lifted_by} already")
            at = self.timestamp(connection)
            return end_hold(connection, hold_id, actor=actor, reason=reason, at=at)

    def environment_hold(self, environment: str) -> Hold | None:
        """Return the hold of an environment, None when it is free."""
        with self.reading() as connection:
            return hold_of(connection, environment)

    def holds(self) -> tuple[Hold, ...]:
        """Return the holds that are in force, oldest first."""
        columns = tables.holds.c
        with self.reading() as connection:
            query = (
                select(tables.holds)
                .where(
                    columns.lifted_at.is_(None),
                    or_(columns.until.is_(None), columns.until > self.timestamp(connection)),
                )
                .order_by(columns.created_at, columns.id)
            )
            return tuple(Hold(**row) for row in connection.execute(query).mappings())

    def _place(
        self, connection: Connection, facts: dict[str, Any], *, actor: str, reason: str
    ) -> Hold:
        _require_reason(reason)
        who = {"id": str(self.new_id()), "actor": actor, "reason": reason.strip()}
        return place_hold(connection, facts | who | {"created_at": self.timestamp(connection)})


_of_environment = select(tables.holds).where(
    tables.holds.c.environment == bindparam("environment"), tables.holds.c.lifted_at.is_(None)
)


def hold_of(connection: Connection, environment: str) -> Hold | None:
    """Return the hold of an environment, None when it is free."""
    row = connection.execute(_of_environment, {"environment": environment}).mappings().first()
    return Hold(**row) if row else None


def place_hold(connection: Connection, row: dict[str, Any]) -> Hold:
    """Add a hold in an open transaction."""
    placed = insert(tables.holds).returning(tables.holds)
    return Hold(**connection.execute(placed, row).mappings().one())


def end_hold(connection: Connection, hold_id: str, *, actor: str, reason: str, at: str) -> Hold:
    """End a hold in an open transaction."""
    facts = {"lifted_by": actor, "lifted_reason": reason.strip(), "lifted_at": at}
    ended = update(tables.holds).where(tables.holds.c.id == hold_id).returning(tables.holds)
    return Hold(**connection.execute(ended, facts).mappings().one())


def _one(connection: Connection, hold_id: str) -> Hold:
    query = select(tables.holds).where(tables.holds.c.id == hold_id)
    row = connection.execute(query).mappings().first()
    if row is None:
        raise RefusedError(f"there is no hold {hold_id!r}", help="list them: `xtask status`")
    return Hold(**row)


def _require_reason(reason: str) -> None:
    if not reason.strip():
        raise RefusedError("a hold needs a reason", help="say why: --reason TEXT")
