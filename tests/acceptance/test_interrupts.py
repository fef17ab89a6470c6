"""Ctrl-C ends a verb at once, whatever it waits for, also where xtask alone hears of it."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

from tests.acceptance.shop import ROOT, Workspace, with_own_back_end, write_shop

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.requires("index")

ASLEEP = """\
def build_wheel(folder, *_):
    import pathlib, time
    pathlib.Path({mark!r}).touch()
    time.sleep(60)
"""


@contextlib.contextmanager
def silent_server() -> Iterator[tuple[str, threading.Event]]:
    """Yield `127.0.0.1:PORT` of a server that takes what comes and never answers; and whether."""
    asked, kept = threading.Event(), []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    kept.append(server.accept()[0])
                    kept[-1].recv(1)
                    asked.set()

        thread = threading.Thread(target=accept)
        thread.start()
        yield f"127.0.0.1:{server.getsockname()[1]}", asked
        server.shutdown(socket.SHUT_RDWR)
        thread.join()
        for connection in kept:
            connection.close()


def wait_for(condition: object) -> None:
    end = time.monotonic() + 120
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < end
        time.sleep(0.05)


def interrupted_build(shop: Workspace, condition: object, *words: str, **environ: str) -> None:
    """Interrupt a build once the condition holds, and require that it ends then, and well."""
    process = subprocess.Popen(
        # A CI runner may have started us with interrupts ignored, which children inherit.
        ["env", "--default-signal=INT", sys.executable, "-m", "xtask", "build", *words],
        cwd=shop.root, env={**os.environ, "PYTHONPATH": str(ROOT), **environ},
        stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        wait_for(condition)
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        began = time.monotonic()
        _, err = process.communicate(timeout=30)
    finally:
        process.kill()
    assert (process.returncode, err.splitlines()[-1]) == (130, "error: interrupted")
    assert time.monotonic() - began < 3
    assert "Traceback" not in err


def test_a_download_from_an_index_that_is_silent(tmp_path: Path) -> None:
    shop = write_shop(tmp_path)
    assert shop.xtask("lock").code == 0
    with silent_server() as (address, asked):
        interrupted_build(shop, asked.is_set, PIP_INDEX_URL=f"http://{address}/simple")
    shop.built()


def test_a_push_to_a_registry_that_is_silent(shop: Workspace) -> None:
    with silent_server() as (address, asked):
        shop.edit("modules.toml", "[modules]", f'[image]\nrepository = "{address}/x"\n\n[modules]')
        interrupted_build(shop, asked.is_set, "--push")
    assert shop.built()["cached"] is True


def test_a_module_whose_back_end_sleeps(tmp_path: Path) -> None:
    shop, mark = write_shop(tmp_path / "shop"), tmp_path / "building"
    for name in ("cart", "host"):  # one alone is built in the main thread
        with_own_back_end(shop, name, ASLEEP.format(mark=str(mark)))
    interrupted_build(shop, mark.exists)
