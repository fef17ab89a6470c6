"""The front: a TCP proxy that sends each new connection to the release named in a pointer file.

This file alone is copied into a container, so it needs Python 3.9 and nothing else:

    front.py serve                                 proxy port 8080 until it is stopped
    front.py point GENERATION POINTER [UNDONE]     replace the pointer, a JSON object with `host`,
                                                   `port`, `release_id` and `published`
    front.py hold GENERATION POINTER [UNDONE]      the same, and then wait until it is stopped

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
import random
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Any, Final

LISTEN_PORT: Final = 8080
POINTER_NAME: Final = "pointer.json"
REFUSED: Final = 3  # exit code of `point` when something newer serves

_PIECE: Final = 1 << 16
_SAFE: Final = (b"GET ", b"HEAD ")
_END_OF_HEAD: Final = b"\r\n\r\n"
_TRIES: Final = 4
_CONNECT_ATTEMPTS: Final = 40
_CONNECT_SECONDS: Final = 0.5
_SHUNNED_SECONDS: Final = 2.0
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
        if held is not None and not gives_way(held, generation, undone):
            return False
        temporary = folder / f"{POINTER_NAME}.tmp"
        with temporary.open("w") as stream:
            json.dump(wanted, stream, sort_keys=True)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(folder / POINTER_NAME)
        _fsync_folder(folder)
    return True


def gives_way(held: dict[str, Any], generation: int, undone: str | None) -> bool:
    """Return whether a pointer may be replaced by one with this generation, undoing or not."""
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
    talk = _Talk(reader, writer)
    for _ in range(_TRIES):
        upstream = await _connect(folder)
        if upstream is None:
            return
        await talk.over(*upstream)
        if not talk.repeatable:
            return


class _Talk:
    """A client, what it has said, and whether that can be said again to another task.

    It can where it is one request that changes nothing (RFC 9110, 9.2.2), the client still waits,
    and no byte of an answer has reached it: a task or its node has died, and others live.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.said = bytearray()
        self.answered = False

    @property
    def repeatable(self) -> bool:
        alone = self.said.find(_END_OF_HEAD) in (-1, len(self.said) - len(_END_OF_HEAD))
        waits = not self.answered and self.reader.exception() is None
        return waits and alone and self.said.startswith(_SAFE) and len(self.said) < _PIECE

    async def over(self, answers: asyncio.StreamReader, questions: asyncio.StreamWriter) -> None:
        """Carry bytes both ways between the client and one task, until either has ended."""
        asking = asyncio.ensure_future(self._ask(questions))
        answering = asyncio.ensure_future(self._answer(answers))
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

    async def _ask(self, questions: asyncio.StreamWriter) -> None:
        questions.write(bytes(self.said))
        await questions.drain()
        while piece := await self.reader.read(_PIECE):
            if len(self.said) < _PIECE:
                self.said += piece
            questions.write(piece)
            await questions.drain()
        questions.write_eof()

    async def _answer(self, answers: asyncio.StreamReader) -> None:
        while piece := await answers.read(_PIECE):
            self.answered = True
            self.writer.write(piece)
            await self.writer.drain()


async def _connect(folder: Path) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
    """Connect to a task of the release that the pointer names now, asking again while that fails.

    The name is resolved each time: the engine gives a restarted container another address.
    """
    for _ in range(_CONNECT_ATTEMPTS):
        pointer = read_pointer(folder)
        if pointer is None:
            return None
        for address in await _addresses(pointer["host"], pointer["port"]):
            with contextlib.suppress(OSError, asyncio.TimeoutError):
                opened = asyncio.open_connection(*address)
                answers, questions = await asyncio.wait_for(opened, _CONNECT_SECONDS)
                _notice_death(questions.get_extra_info("socket"))
                return answers, questions
            _failed[address] = time.monotonic()
        await asyncio.sleep(_CONNECT_PAUSE)
    return None


_failed: dict[tuple[str, int], float] = {}


async def _addresses(host: str, port: int) -> list[tuple[str, int]]:
    """Return the addresses of a release in any order, those that have just failed at the end."""
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, family=socket.AF_INET, type=socket.SOCK_STREAM)
    except OSError:
        return []
    since = time.monotonic() - _SHUNNED_SECONDS
    addresses = [(str(address[0]), int(address[1])) for *_, address in found]
    random.shuffle(addresses)
    return sorted(addresses, key=lambda address: _failed.get(address, since) > since)


def _notice_death(upstream: socket.socket) -> None:
    """Let the kernel end a connection whose other side has lost its network, however slow it is."""
    upstream.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (
        (socket.TCP_KEEPIDLE, 1),
        (socket.TCP_KEEPINTVL, 1),
        (socket.TCP_KEEPCNT, 3),
        (socket.TCP_USER_TIMEOUT, 3000),
    ):
        upstream.setsockopt(socket.IPPROTO_TCP, option, value)


def _fsync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def main(argv: list[str]) -> int:
    """Run one of the commands; return the exit code."""
    folder = Path(__file__).resolve().parent
    if argv[0] in {"point", "hold"}:
        moved = point(folder, int(argv[1]), json.loads(argv[2]), *argv[3:4])
        if moved and argv[0] == "hold":
            signal.pause()
        return 0 if moved else REFUSED
    asyncio.run(serve(folder))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
