"""What is fetched keeps to its limits, and never comes from where nobody asked for it."""

from __future__ import annotations

import socket
import threading
import time
from typing import TYPE_CHECKING

import pytest

from tests.support.web import Web, serving
from xtask.errors import XtaskError
from xtask.package.fetch import fetch

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def web() -> Iterator[Web]:
    with serving({"/list": b"[]", "/moved": "/list"}) as web:
        yield web


def test_returns_what_is_there(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert fetch(f"{web.address}/list", limit=2) == b"[]"
    assert fetch(f"{web.address}/moved", limit=2) == b"[]"


@pytest.mark.parametrize(
    "address",
    [
        "http://example.org/list",
        "http://127.0.0.1.example.org/list",
        "http://127.0.0.1@example.org/list",
        "https://somebody:secret@example.org/list",
        "file:///etc/hostname",
        "ftp://127.0.0.1/list",
        "list",
    ],
)
def test_asks_nobody_at_an_address_that_is_not_safe(address: str) -> None:
    with pytest.raises(XtaskError, match="is not an HTTPS address"):
        fetch(address, limit=9)


@pytest.mark.parametrize(
    "target", ["file:///etc/hostname", "ftp://127.0.0.1/x", "http://192.0.2.1/x", "https://[::1]/x"]
)
def test_follows_no_redirect_to_another_scheme_or_machine(web: Web, target: str) -> None:
    web.files["/moved"] = target
    with pytest.raises(XtaskError, match=r"cannot fetch http://127\.0\.0\.1:\d+/moved: 302 "):
        fetch(f"{web.address}/moved", limit=9, seconds=2)


def test_redirects_in_a_circle_end(web: Web) -> None:
    web.files["/moved"] = "/moved"
    with pytest.raises(XtaskError, match="cannot fetch"):
        fetch(f"{web.address}/moved", limit=9)
    assert len(web.asked) < 20


def test_refuses_what_is_larger_than_its_limit(web: Web) -> None:
    web.files["/list"] = bytes(3 << 20)
    with pytest.raises(XtaskError, match="it is larger than 1 MiB"):
        fetch(f"{web.address}/list", limit=1 << 20)
    assert len(fetch(f"{web.address}/list", limit=3 << 20)) == 3 << 20


def test_refuses_what_is_not_there_or_cut_short(web: Web) -> None:
    with pytest.raises(XtaskError, match=r"cannot fetch http://127.0.0.1:\d+/none: 404 Not Found"):
        fetch(f"{web.address}/none", limit=9)
    web.headers["Content-Length"] = "7"
    with pytest.raises(XtaskError, match="it ended after 2 of 7 bytes"):
        fetch(f"{web.address}/list", limit=9)


def test_says_so_when_nobody_answers() -> None:
    with serving({}) as gone:
        address = f"{gone.address}/list"
    with pytest.raises(XtaskError, match="Connection refused") as caught:
        fetch(address, limit=9)
    assert caught.value.help


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.0 200 OK\r\n\r\n", b"\0\0\0\r\n\r\n"])
def test_waits_no_longer_than_it_should(answer: bytes) -> None:
    def trickle() -> None:
        client, _ = server.accept()
        with client:
            client.recv(1024)
            client.sendall(answer)
            for _ in range(20 if answer else 0):
                try:
                    client.sendall(b" ")
                except OSError:
                    return
                time.sleep(0.05)
            done.wait(5)

    done, started = threading.Event(), time.monotonic()
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=trickle)
        thread.start()
        with pytest.raises(XtaskError, match="cannot fetch"):
            fetch(f"http://127.0.0.1:{server.getsockname()[1]}/", limit=999, seconds=0.3)
        done.set()
        thread.join()
    assert time.monotonic() - started < 3
