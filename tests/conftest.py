"""Real parts for tests that need them, and the mark that says so.

`@pytest.mark.requires("docker")` skips where the part is absent and says why. A part that the
environment variable `XTASK_REQUIRE` names (`docker,postgresql`) must be there: its absence fails.
"""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tests.support.swarm import Swarm


def _no_docker() -> str | None:
    if not os.environ.get("DOCKER_HOST"):
        return "DOCKER_HOST does not name an engine for tests"
    try:
        import docker

        client = docker.from_env(timeout=5)
    except Exception as error:  # noqa: BLE001 - whatever is wrong is the reason
        return f"no Docker Engine answers at {os.environ['DOCKER_HOST']}: {error}"
    client.close()
    return None


def _no_variable(name: str) -> str | None:
    return None if os.environ.get(name) else f"{name} does not name a service for tests"


def _no_program(name: str) -> str | None:
    return None if shutil.which(name) else f"{name} is not installed"


def _no_index() -> str | None:
    from xtask.errors import XtaskError
    from xtask.package.requirements import uv
    from xtask.process import run

    try:
        run([uv(), "pip", "compile", "--quiet", "-"], stdin="hatchling", timeout=60)
    except XtaskError as error:
        return f"no Python package index answers: {error.message.splitlines()[-1]}"
    return None


def _no_unshare() -> str | None:
    words = ["unshare", "--map-root-user", "--net", "--uts", "true"]
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=False)
    except OSError as error:
        return f"unshare cannot be started: {error.strerror}"
    return f"no namespaces: {done.stderr.strip()}" if done.returncode else None


def _no_swarm() -> str | None:
    if os.geteuid() != 0:
        return "only root can make network namespaces for engines"
    programs = ("dockerd", "docker-registry", "ip", "iptables", "nsenter", "unshare")
    return next((reason for name in programs if (reason := _no_program(name))), None)


_ABSENCES: Mapping[str, Callable[[], str | None]] = {
    "docker": _no_docker,
    "index": _no_index,
    "postgresql": lambda: _no_variable("XTASK_TEST_POSTGRESQL"),
    "registry": lambda: _no_program("docker-registry"),
    "skopeo": lambda: _no_program("skopeo"),
    "swarm": _no_swarm,
    "strace": lambda: _no_program("strace"),
    "umoci": lambda: _no_program("umoci"),
    "pythons": lambda: _no_variable("XTASK_TEST_PYTHONS"),
    "unshare": _no_unshare,
    "compose": lambda: _no_program("docker-compose"),
    "chromium": lambda: _no_program("chromium"),
    "tsc": lambda: _no_program("tsc"),
}


@functools.cache
def _absence(part: str) -> str | None:
    if part not in _ABSENCES:
        return f"there is no part {part!r}, only {', '.join(sorted(_ABSENCES))}"
    return _ABSENCES[part]()


def _needed(item: pytest.Item) -> list[str]:
    return sorted({part for mark in item.iter_markers("requires") for part in mark.args})


def pytest_xdist_auto_num_workers() -> int:
    """Return twice the number of processors: half of the time, tests wait for a real part."""
    return 2 * (os.cpu_count() or 1)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test whose parts are absent, or fail it when they were promised or do not exist."""
    promised = {part.strip() for part in os.environ.get("XTASK_REQUIRE", "").split(",")}
    for part in _needed(item):
        reason = _absence(part)
        if reason is None:
            continue
        if part in promised or part not in _ABSENCES:
            pytest.fail(f"requires {part}: {reason}", pytrace=False)
        pytest.skip(f"requires {part}: {reason}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what tests measured, since nobody sees what their own processes print."""
    for report in terminalreporter.getreports("passed"):
        for name, value in report.user_properties:
            terminalreporter.write_line(f"{name}: {value}")


@pytest.fixture(autouse=True)
def _on_a_wide_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let what is said be found in one line; `tests/cli/test_columns.py` is about lines."""
    monkeypatch.setenv("COLUMNS", "1000")


@pytest.fixture(scope="session")
def engine() -> Iterator[Any]:
    """A client of the Docker Engine that DOCKER_HOST names; never the user's own."""
    if (reason := _absence("docker")) is not None:
        pytest.skip(reason)
    import docker

    client = docker.from_env(timeout=60)
    yield client
    client.close()


@pytest.fixture(scope="session")
def swarm() -> Iterator[Swarm]:
    """Three engines of our own that are one swarm."""
    from tests.support.swarm import three_engines

    # The path of a socket has at most 107 bytes.
    with (
        tempfile.TemporaryDirectory(prefix="xt-swarm-") as folder,
        three_engines(Path(folder)) as it,
    ):
        yield it
