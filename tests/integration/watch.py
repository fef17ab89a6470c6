"""Clients of an environment: what they saw while something happened there."""

from __future__ import annotations

import contextlib
import http.client
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_MOST_SECONDS = 60


@dataclass
class Watch:
    """Statuses of answers and reasons of failures; one new connection for each request."""

    answers: list[int] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def ask(self, host: str, port: int) -> None:
        """Ask once who answers there."""
        connection = http.client.HTTPConnection(host, port, timeout=10)
        try:
            connection.request("GET", "/api/_release")
            self.answers.append(connection.getresponse().status)
        except (OSError, http.client.HTTPException) as error:
            self.failures.append(repr(error))
        finally:
            connection.close()

    def __str__(self) -> str:
        rate = len(self.answers) / self.seconds if self.seconds else 0
        return f"{len(self.answers)} requests, {rate:.0f} a second, {len(self.failures)} failed"


@contextlib.contextmanager
def watching(port: int, host: str = "127.0.0.1", *, clients: int = 2) -> Iterator[Watch]:
    """Ask a port from some threads without a pause while the block runs, a minute at most."""
    seen, over, begun = Watch(), threading.Event(), time.monotonic()
    limit = threading.Timer(_MOST_SECONDS, over.set)

    def ask() -> None:
        while not over.is_set():
            seen.ask(host, port)

    threads = [limit, *(threading.Thread(target=ask) for _ in range(clients))]
    for thread in threads:
        thread.start()
    try:
        yield seen
    finally:
        over.set()
        limit.cancel()
        for thread in threads:
            thread.join()
        seen.seconds = time.monotonic() - begun
