"""Opening the records: the one door that the stories use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self
from uuid import UUID, uuid4

from xtask.records.audit import Audit
from xtask.records.builds import Builds
from xtask.records.connection import connect, connect_to_read
from xtask.records.deployments import Deployments
from xtask.records.dora import Deliveries
from xtask.records.environments import Environments
from xtask.records.holds import Holds
from xtask.records.log import Log
from xtask.records.releases import Releases
from xtask.records.retention import Retention
from xtask.records.situations import Situations

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from types import TracebackType


class Records(
    Builds,
    Environments,
    Releases,
    Deployments,
    Holds,
    Situations,
    Log,
    Audit,
    Deliveries,
    Retention,
):
    """The builds, environments, releases, holds and events of one installation.

    A context manager that closes itself. Each method is one transaction and may be called from
    any thread.
    """

    __slots__ = ()

    def close(self) -> None:
        """Give the connections back; an embedded database becomes one file again."""
        self.engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def open_records(
    url: str,
    *,
    create: bool = True,
    now: Callable[[], datetime] | None = None,
    new_id: Callable[[], UUID] = uuid4,
    patience: float = 30.0,
) -> Records:
    """Return the records at a database URL.

    Args:
        url: `sqlite:///path` or `postgresql://…`.
        create: create and upgrade a SQLite file on the way. Without, nothing is written at all:
            records that do not exist have no rows, and methods that write fail.
        now: the clock; by default the server's, or this machine's for a SQLite file.
        new_id: gives a UUID that was never given before.
        patience: seconds to wait for a lock that another process holds.

    Raises:
        UsageError: another kind of URL, a driver that is not installed, a folder without access.
        RefusedError: the database is newer than this version, or has to be migrated first.
        XtaskError: the database does not answer.
    """
    opening = connect if create else connect_to_read
    return Records(opening(url, patience=patience), now=now, new_id=new_id)


def migrate_records(url: str, *, patience: float = 30.0) -> None:
    """Create the schema at a database URL or bring it to this version.

    Raises:
        UsageError: as `open_records`.
        RefusedError: the database is newer than this version.
        XtaskError: the database does not answer.
    """
    connect(url, patience=patience, upgrade=True).dispose()
