"""The program: reads its port, serves the generated registry, and drains on SIGTERM."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from server.main import read_port

SOURCE = Path(__file__).parents[1] / "src"
REGISTRY = """
import time
from fastapi import APIRouter
from server.registry import Module, Router

def load():
    router = APIRouter()

    @router.get("/slow")
    def slow() -> str:
        time.sleep(1)
        return "finished"

    return router

APP = "slow-shop"
MODULES = (Module("slow", "1.0.0", "server", routers=(Router("/api/slow", load),)),)
"""


@pytest.mark.parametrize(
    ("environ", "port"), [({}, 8000), ({"PORT": ""}, 8000), ({"PORT": "81"}, 81)]
)
def test_reads_the_port(environ: dict[str, str], port: int) -> None:
    assert read_port(environ) == port


@pytest.mark.parametrize("text", ["0", "65536", "-1", "http", "8000;", "\u0663"])
def test_refuses_what_is_not_a_port(text: str) -> None:
    with pytest.raises(SystemExit, match="PORT must be a number"):
        read_port({"PORT": text})


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _get(url: str) -> str:
    with urlopen(url, timeout=10) as response:  # noqa: S310 - a loopback address
        return str(response.read().decode())


def _is_ready(url: str) -> bool:
    try:
        _get(f"{url}/readyz")
    except URLError:
        return False
    return True


def _served(folder: Path) -> tuple[subprocess.Popen[bytes], str]:
    """Start the program and wait for it; a port that somebody took meanwhile is tried anew."""
    with (folder / "log").open("wb") as log:
        for _ in range(3):
            port = _free_port()
            program = subprocess.Popen(
                [sys.executable, "-c", "from server.main import run; run()"],
                cwd=folder,  # it comes first on the path, and this repository has a registry too
                env=os.environ
                | {
                    "PYTHONPATH": f"{folder}{os.pathsep}{SOURCE}",
                    "DATA_DIR": str(folder / "data"),
                    "PORT": str(port),
                },
                stdout=log,
                stderr=log,
            )
            end = time.monotonic() + 60
            while program.poll() is None and time.monotonic() < end:
                if _is_ready(f"http://127.0.0.1:{port}"):
                    return program, f"http://127.0.0.1:{port}"
                time.sleep(0.1)
            program.kill()
            program.wait()
    pytest.fail((folder / "log").read_text(errors="replace"))


def test_sigterm_finishes_the_request_under_way_and_ends_within_five_seconds(
    tmp_path: Path,
) -> None:
    (tmp_path / "generated").mkdir()
    (tmp_path / "generated/__init__.py").touch()
    (tmp_path / "generated/registry.py").write_text(REGISTRY)
    program, url = _served(tmp_path)
    try:
        answers: list[str] = []
        request = threading.Thread(target=lambda: answers.append(_get(f"{url}/api/slow/slow")))
        request.start()
        time.sleep(0.3)
        program.send_signal(signal.SIGTERM)
        program.wait(timeout=5)
        request.join(timeout=5)
        assert answers == ['"finished"']
    finally:
        program.kill()
        program.wait()
