"""What a module's code works with: one connection, the settings, the hooks and the moment."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from server.calls import complete
from server.database import connect, transaction
from server.session import AsyncSession

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

    from server.lifecycle import Step
    from server.migrations import Migration
    from server.settings import Settings

Event = Mapping[str, object]
"""What a publisher tells its hooks."""

V = TypeVar("V", str, int, float, bool, list[Any], dict[str, Any])

_NO_WORD = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, slots=True)
class WorkContext:
    """One unit of work: a request, a job or a hook.

    `now` is the moment at which it began, in UTC; `db` works on `connection` for coroutines.
    """

    connection: sqlite3.Connection
    settings: Settings
    hooks: Mapping[str, tuple[Handler, ...]]
    now: datetime
    db: AsyncSession

    def setting(self, module: str, key: str, kind: type[V]) -> V:
        """Return a setting of a module, which must be of the type `kind`.

        Raises:
            LookupError: the module does not declare it, or nothing sets it.
            TypeError: it is declared with another type.
        """
        value: Any = self.settings[module][key]
        if not isinstance(value, kind) or isinstance(value, bool) is not (kind is bool):
            raise TypeError(f"{module}.{key} is {type(value).__name__}, not {kind.__name__}")
        return value

    def transaction(self) -> AbstractContextManager[None]:
        """Commit what happens inside, or nothing of it when an exception leaves."""
        return transaction(self.connection)

    def publish(self, event: str, payload: Event) -> None:
        """Run the hooks of `event`, in order, before this returns.

        Inside a transaction the hooks are part of it: what they write is committed with the event
        or not at all, and an exception in one of them undoes both. Hooks of Flux name an event
        `shop.order.placed` as `on_shop_order_placed`; they run after those with the event's name.
        """
        for name in (event, f"on_{_NO_WORD.sub('_', event.lower())}"):
            for handler in self.hooks.get(name, ()):
                with self.db.settled():
                    complete(handler(self, payload))


Handler = Callable[[WorkContext, Event], object]
"""A hook of a module; a coroutine has ended before `publish` returns."""

Task = Callable[[WorkContext], object]
"""A job of a module; it may be a coroutine."""


def utc_now() -> datetime:
    """Return the current moment, in UTC, to the second."""
    return datetime.now(UTC).replace(microsecond=0)


def serve(runtime: Runtime) -> None:
    """Let `served` answer with this one, which is that of the product of this process."""
    _served[:] = [runtime]


def served() -> Runtime:
    """Return the running product, for code that no request, job or hook has brought here.

    Raises:
        LookupError: no product runs in this process.
    """
    if not _served:
        raise LookupError("no product runs here: the database is there once it has started")
    return _served[0]


_served: list[Runtime] = []


@dataclass(frozen=True, slots=True)
class Runtime:
    """The running product: what every unit of work is made from."""

    database: Path
    settings: Settings
    hooks: Mapping[str, tuple[Handler, ...]]
    migrations: tuple[Migration, ...]
    steps: tuple[Step, ...]
    permissions: frozenset[str]
    admin_token: str
    clock: Callable[[], datetime] = utc_now

    @contextmanager
    def work(self) -> Iterator[WorkContext]:
        """Begin a unit of work with a connection of its own; its session is committed at the end.

        When an exception leaves, what the session wrote is undone.
        """
        with connect(self.database) as connection:
            session = AsyncSession(connection)
            with session.settled():
                yield WorkContext(connection, self.settings, self.hooks, self.clock(), session)
