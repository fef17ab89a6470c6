"""Ports of this machine's loopback that nobody listens on."""

from __future__ import annotations

import os
import random
import socket

# Test processes that run at once share no port.
_PROCESS = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_PROCESSES = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))


def free_port() -> int:
    """Return a port below those that the system gives to connections, which might take it."""
    while True:
        port = random.randrange(20_000 + _PROCESS, 32_000, _PROCESSES)  # noqa: S311 - no secret
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
