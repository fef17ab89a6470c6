"""The front's script by itself: its pointer, and bytes through its proxy."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from tests.support.ports import free_port
from xtask.release import front

if TYPE_CHECKING:
    from pathlib import Path


def test_pointer_is_none_before_the_first(tmp_path: Path) -> None:
    assert front.read_pointer(tmp_path) is None


def test_pointer_reads_back(tmp_path: Path) -> None:
    assert front.point(tmp_path, 1, {"host": "a", "port": 8000})
    assert front.read_pointer(tmp_path) == {"generation": 1, "host": "a", "port": 8000}


def test_pointing_again_to_the_same_is_done_already(tmp_path: Path) -> None:
    assert front.point(tmp_path, 1, {"host": "a", "port": 8000})
    assert front.point(tmp_path, 1, {"host": "a", "port": 8000})


@pytest.mark.parametrize("generation", [1, 2])
def test_refuses_what_is_not_newer(tmp_path: Path, generation: int) -> None:
    front.point(tmp_path, 2, {"host": "b", "port": 8000})
    assert not front.point(tmp_path, generation, {"host": "a", "port": 8000})
    assert front.read_pointer(tmp_path) == {"generation": 2, "host": "b", "port": 8000}


def test_undoing_takes_the_pointer_from_the_undone_release_only(tmp_path: Path) -> None:
    old, new = ({"host": name, "port": 1, "release_id": name} for name in ("old", "new"))
    front.point(tmp_path, 2, new)
    assert not front.point(tmp_path, 2, old, "other")
    assert front.point(tmp_path, 2, old, "new")
    assert front.point(tmp_path, 2, old, "new")
    assert not front.point(tmp_path, 2, new)
    assert front.read_pointer(tmp_path) == {**old, "generation": 2}


def test_undoing_what_never_served_fences_it_off(tmp_path: Path) -> None:
    old, new = ({"host": name, "port": 1, "release_id": name} for name in ("old", "new"))
    front.point(tmp_path, 1, old)
    assert front.point(tmp_path, 2, old, "new")
    assert not front.point(tmp_path, 2, new)


def test_of_many_deployers_at_once_the_newest_wins(tmp_path: Path) -> None:
    def move(generation: int) -> bool:
        return front.point(tmp_path, generation, {"host": f"g{generation}", "port": 1})

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(move, range(1, 40)))
    assert front.read_pointer(tmp_path) == {"generation": 39, "host": "g39", "port": 1}


def test_crash_before_the_rename_leaves_the_old_pointer(tmp_path: Path) -> None:
    front.point(tmp_path, 1, {"host": "a", "port": 1})
    (tmp_path / f"{front.POINTER_NAME}.tmp").write_text('{"half')
    assert front.read_pointer(tmp_path) == {"generation": 1, "host": "a", "port": 1}
    assert front.point(tmp_path, 2, {"host": "b", "port": 1})


def test_script_runs_alone_with_nothing_of_ours_importable(tmp_path: Path) -> None:
    script = tmp_path / "front.py"
    with open(front.__file__, "rb") as source:  # noqa: PTH123
        script.write_bytes(source.read())
    argv = [sys.executable, "-I", str(script), "point", "1", '{"host": "a", "port": 1}']
    assert subprocess.run(argv, check=False, cwd="/").returncode == 0
    assert json.loads((tmp_path / front.POINTER_NAME).read_bytes())["host"] == "a"
    assert subprocess.run([*argv[:-2], "0", "{}"], check=False).returncode == front.REFUSED


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer what was asked, once the question has ended."""
    asked = await reader.read()
    writer.write(b"you said " + asked)
    writer.close()


async def hang_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer and close without waiting for a question."""
    writer.write(b"bye")
    writer.close()


async def ask(folder: Path, port: int, question: bytes | None) -> bytes:
    """Return the answer through a proxy; `None` keeps the client's side open."""
    listen = free_port()
    proxy = asyncio.create_task(front.serve(folder, "127.0.0.1", listen))
    try:
        front.point(folder, port, {"host": "localhost", "port": port})
        return await asyncio.wait_for(_exchange(listen, question), timeout=20)
    finally:
        proxy.cancel()
        await asyncio.gather(proxy, return_exceptions=True)


async def _exchange(port: int, question: bytes | None) -> bytes:
    reader, writer = await _connected(port)
    if question is not None:
        writer.write(question)
        writer.write_eof()
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


async def _connected(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    for _ in range(100):
        try:
            return await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.02)
    raise AssertionError("the proxy does not listen")


def test_answer_arrives_after_the_client_has_said_its_last(tmp_path: Path) -> None:
    async def story() -> bytes:
        async with await asyncio.start_server(echo, "127.0.0.1", 0) as upstream:
            return await ask(tmp_path, upstream.sockets[0].getsockname()[1], b"hello")

    assert asyncio.run(story()) == b"you said hello"


def test_large_bodies_pass_unchanged(tmp_path: Path) -> None:
    body = bytes(range(256)) * 20_000

    async def story() -> bytes:
        async with await asyncio.start_server(echo, "127.0.0.1", 0) as upstream:
            return await ask(tmp_path, upstream.sockets[0].getsockname()[1], body)

    assert b"you said " + body == asyncio.run(story())


def test_client_is_not_held_when_the_release_hangs_up(tmp_path: Path) -> None:
    async def story() -> bytes:
        async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as upstream:
            return await ask(tmp_path, upstream.sockets[0].getsockname()[1], None)

    assert asyncio.run(story()) == b"bye"


def test_waits_for_a_release_that_is_restarting(tmp_path: Path) -> None:
    async def story() -> bytes:
        port = free_port()
        asking = asyncio.create_task(ask(tmp_path, port, b"hello"))
        await asyncio.sleep(0.3)
        async with await asyncio.start_server(echo, "127.0.0.1", port):
            return await asking

    assert asyncio.run(story()) == b"you said hello"


def test_gives_up_on_a_release_that_stays_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(front, "_CONNECT_ATTEMPTS", 2)
    assert asyncio.run(ask(tmp_path, free_port(), None)) == b""


def question(method: str) -> bytes:
    return f"{method} / HTTP/1.1\r\nHost: shop\r\n\r\n".encode()


@pytest.mark.parametrize(("method", "deaths"), [("GET", 3), ("HEAD", 1), ("POST", 0)])
def test_what_changes_nothing_is_asked_again_when_a_task_dies_before_its_answer(
    tmp_path: Path, method: str, deaths: int
) -> None:
    asked: list[bytes] = []

    async def die(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        if len(asked) > deaths and deaths:
            writer.write(b"alive")
        writer.close()

    async def story() -> bytes:
        async with await asyncio.start_server(die, "127.0.0.1", 0) as upstream:
            port = upstream.sockets[0].getsockname()[1]
            return await ask(tmp_path, port, question(method))

    assert asyncio.run(story()) == (b"alive" if deaths else b"")
    assert asked == [question(method)] * (deaths + 1)


def test_two_requests_at_once_are_not_asked_again(tmp_path: Path) -> None:
    asked: list[bytes] = []

    async def die(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.read(1000))
        writer.close()

    async def story() -> bytes:
        async with await asyncio.start_server(die, "127.0.0.1", 0) as upstream:
            port = upstream.sockets[0].getsockname()[1]
            return await ask(tmp_path, port, question("GET") + question("POST"))

    assert asyncio.run(story()) == b""
    assert len(asked) == 1


def test_an_address_that_has_just_failed_is_asked_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(front, "_failed", {("127.0.0.1", 1): front.time.monotonic()})

    async def story() -> list[tuple[str, int]]:
        loop = asyncio.get_running_loop()
        found = [(0, 0, 0, "", (host, 1)) for host in ("127.0.0.1", "127.0.0.2", "127.0.0.3")]
        monkeypatch.setattr(loop, "getaddrinfo", lambda *_, **__: asyncio.sleep(0, found))
        return await front._addresses("release-1", 1)

    assert asyncio.run(story())[-1] == ("127.0.0.1", 1)
