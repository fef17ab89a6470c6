"""Ports of this machine's loopback that nobody listens on."""

from __future__ import annotations

import random
import socket


def free_port() -> int:
    """Return a port below those that the system gives to connections, which might take it."""
    while True:
        port = random.randrange(20_000, 32_000)  # noqa: S311 - no secret
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
