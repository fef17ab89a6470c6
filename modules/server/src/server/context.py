"""What a module's code works with: one connection, the settings, the hooks and the moment."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

from server.database import connect, transaction

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

    from server.migrations import Migration
    from server.settings import Settings

Event = Mapping[str, object]
"""What a publisher tells its hooks."""

V = TypeVar("V", str, int, float, bool)


@dataclass(frozen=True, slots=True)
class WorkContext:
    """One unit of work: a request, a job or a hook.

    `now` is the moment at which it began, in UTC.
    """

    connection: sqlite3.Connection
    settings: Settings
    hooks: Mapping[str, tuple[Handler, ...]]
    now: datetime

    def setting(self, module: str, key: str, kind: type[V]) -> V:
        """Return a setting of a module, which must be of the type `kind`.

        Raises:
            LookupError: the module does not declare it, or nothing sets it.
            TypeError: it is declared with another type.
        """
        value = self.settings[module][key]
        if not isinstance(value, kind) or isinstance(value, bool) is not (kind is bool):
            raise TypeError(f"{module}.{key} is {type(value).__name__}, not {kind.__name__}")
        return value

    def transaction(self) -> AbstractContextManager[None]:
        """Commit what happens inside, or nothing of it when an exception leaves."""
        return transaction(self.connection)

    def publish(self, event: str, payload: Event) -> None:
        """Run the hooks of `event`, in order, before this returns.

        Inside a transaction the hooks are part of it: what they write is committed with the event
        or not at all, and an exception in one of them undoes both.
        """
        for handler in self.hooks.get(event, ()):
            handler(self, payload)


Handler = Callable[[WorkContext, Event], None]
"""A hook of a module."""

Task = Callable[[WorkContext], None]
"""A job of a module."""


def utc_now() -> datetime:
    """Return the current moment, in UTC, to the second."""
    return datetime.now(UTC).replace(microsecond=0)


@dataclass(frozen=True, slots=True)
class Runtime:
    """The running product: what every unit of work is made from."""

    database: Path
    settings: Settings
    hooks: Mapping[str, tuple[Handler, ...]]
    migrations: tuple[Migration, ...]
    permissions: frozenset[str]
    admin_token: str
    clock: Callable[[], datetime] = utc_now

    @contextmanager
    def work(self) -> Iterator[WorkContext]:
        """Begin a unit of work with a connection of its own."""
        with connect(self.database) as connection:
            yield WorkContext(connection, self.settings, self.hooks, self.clock())
