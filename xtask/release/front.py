"""The front: a TCP proxy that sends each new connection to the release named in a pointer file.

This file alone is copied into a container, so it needs Python 3.9 and nothing else:

    front.py serve                                 proxy port 8080 until it is stopped
    front.py point GENERATION POINTER [UNDONE]     replace the pointer, a JSON object with `host`,
                                                   `port`, `release_id` and `published`

The pointer is replaced by rename, so a connection sees the old release or the new one, and a
restarted front goes on where it was. It is read for every connection; open connections stay where
they are. `point` wants a higher generation than the pointer's, so that a deployer that slept cannot
bring back the past. Only who undoes the release UNDONE may move a pointer that names it at the same
generation; that release's own deployer can then no longer move it.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import socket
import sys
from pathlib import Path
from typing import Any, Final

LISTEN_PORT: Final = 8080
POINTER_NAME: Final = "pointer.json"
REFUSED: Final = 3  # exit code of `point` when something newer serves

_PIECE: Final = 1 << 16
_CONNECT_ATTEMPTS: Final = 40
_CONNECT_PAUSE: Final = (
    0.05  # seconds; with the attempts, how long a restarting release is waited for
)


def read_pointer(folder: Path) -> dict[str, Any] | None:
    """Return the pointer, `None` before the first one."""
    try:
        pointer: dict[str, Any] = json.loads((folder / POINTER_NAME).read_bytes())
    except FileNotFoundError:
        return None
    return pointer


def point(
    folder: Path, generation: int, pointer: dict[str, Any], undone: str | None = None
) -> bool:
    """Replace the pointer; return false, and change nothing, when another or a newer one holds."""
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        wanted = {**pointer, "generation": generation}
        held = read_pointer(folder)
        if held == wanted:
            return True
        if held is not None and not _gives_way(held, generation, undone):
            return False
        temporary = folder / f"{POINTER_NAME}.tmp"
        with temporary.open("w") as stream:
            json.dump(wanted, stream, sort_keys=True)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(folder / POINTER_NAME)
        _fsync_folder(folder)
    return True


def _gives_way(held: dict[str, Any], generation: int, undone: str | None) -> bool:
    if held["generation"] == generation:
        return undone is not None and undone == held["release_id"]
    return bool(held["generation"] < generation)


async def serve(folder: Path, host: str = "0.0.0.0", port: int = LISTEN_PORT) -> None:  # noqa: S104 - published on loopback only
    """Proxy every connection until cancelled."""

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            await _carry(folder, reader, writer)
        writer.close()

    server = await asyncio.start_server(accept, host, port, backlog=1024)
    async with server:
        await server.serve_forever()


async def _carry(folder: Path, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Carry bytes both ways until the release has said its last; without a release, just return."""
    upstream = await _connect(folder)
    if upstream is None:
        return
    answers, questions = upstream
    asking = asyncio.ensure_future(_pump(reader, questions))
    answering = asyncio.ensure_future(_pump(answers, writer))
    try:
        done, _ = await asyncio.wait({asking, answering}, return_when=asyncio.FIRST_COMPLETED)
        if asking in done and asking.exception() is None:
            # The client sent all of its request and may still wait for the answer.
            await asyncio.wait({answering})
    finally:
        for side in (asking, answering):
            side.cancel()
        await asyncio.gather(asking, answering, return_exceptions=True)
        questions.close()


async def _connect(folder: Path) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
    """Connect to the release that the pointer names now, asking again while that fails.

    The name is resolved each time: the engine gives a restarted container another address.
    """
    for _ in range(_CONNECT_ATTEMPTS):
        pointer = read_pointer(folder)
        if pointer is None:
            return None
        with contextlib.suppress(OSError):
            return await asyncio.open_connection(
                pointer["host"], pointer["port"], family=socket.AF_INET
            )
        await asyncio.sleep(_CONNECT_PAUSE)
    return None


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while piece := await reader.read(_PIECE):
        writer.write(piece)
        await writer.drain()
    writer.write_eof()


def _fsync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def main(argv: list[str]) -> int:
    """Run one of the two commands; return the exit code."""
    folder = Path(__file__).resolve().parent
    if argv[:1] == ["point"]:
        moved = point(folder, int(argv[1]), json.loads(argv[2]), *argv[3:4])
        return 0 if moved else REFUSED
    asyncio.run(serve(folder))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
