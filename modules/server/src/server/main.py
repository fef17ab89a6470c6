"""The program of the image: serves the generated registry until it is told to stop."""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, cast

import uvicorn

from server.app import create_app

if TYPE_CHECKING:
    from collections.abc import Mapping

    from server.registry import Registry

_DEFAULT_PORT = 8000
_LAST_PORT = 65535
_DRAIN_SECONDS = 4  # below the five after which a target may kill, so that shutdown hooks still run


def run() -> None:
    """Serve on `0.0.0.0:$PORT` until SIGTERM, then finish the requests that are under way.

    Raises:
        SystemExit: `PORT` is not a port.
    """
    # Looked up by name: the registry is generated beside this module, not part of it.
    registry = cast("Registry", import_module("generated.registry"))
    uvicorn.run(
        create_app(registry, environ=os.environ),
        host="0.0.0.0",  # noqa: S104 - inside a container, only the published port is reachable
        port=read_port(os.environ),
        timeout_graceful_shutdown=_DRAIN_SECONDS,
        server_header=False,
    )


def read_port(environ: Mapping[str, str]) -> int:
    """Return `PORT`, or 8000.

    Raises:
        SystemExit: it is not a number from 1 to 65535.
    """
    text = environ.get("PORT") or str(_DEFAULT_PORT)
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= _LAST_PORT:
        raise SystemExit(f"PORT must be a number from 1 to {_LAST_PORT}, not {text!r}")
    return int(text)
