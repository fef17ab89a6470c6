"""The peer: a Docker Engine of our own with its BuildKit, and Debian's own client."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tests.bench.measure import BenchError, Run, environment, run

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# Debian's package: newer clients need the buildx plug-in for BuildKit.
_CLIENT = "/usr/bin/docker"
_DAEMON = "/usr/sbin/dockerd"
BASE = "localhost/bench/base:1"
_PATIENCE = 60
# An image of this engine has at most 127 layers; one is the base.
MAX_COPIES = 100
_TICK = os.sysconf("SC_CLK_TCK")


class Engine(NamedTuple):
    """A running engine: where it listens, and which process it is."""

    socket: Path
    pid: int

    def build(self, workspace: Path, *words: str) -> Run:
        """Build the Dockerfile of a workspace with BuildKit; processor time is the engine's too."""
        before = _processor_seconds(self.pid)
        argv = [_CLIENT, "build", "--quiet", "--tag", "localhost/bench/product:1", *words, "."]
        done = run(argv, cwd=workspace, env=self._environment())
        spent = _processor_seconds(self.pid) - before
        return done._replace(cpu=done.cpu + spent)

    def import_base(self, layer: Path) -> None:
        """Make the image that Dockerfiles start from: the very layer that our images start from."""
        run([_CLIENT, "import", layer, BASE], cwd=layer.parent, env=self._environment())

    def _environment(self) -> dict[str, str]:
        return environment(DOCKER_HOST=f"unix://{self.socket}", DOCKER_BUILDKIT="1")


@contextlib.contextmanager
def engine(folder: Path) -> Iterator[Engine]:
    """Run an engine of our own, without a network, whose data lie in a new folder.

    Raises:
        BenchError: it does not start; its log is the message.
    """
    folder.mkdir()
    # A socket's path has at most 107 bytes (unix(7)), and the engine's own lie deep in its folder.
    with tempfile.TemporaryDirectory(prefix="xb-", dir="/tmp") as short:
        socket, log = Path(short) / "docker.sock", folder / "dockerd.log"
        argv = [_DAEMON, f"--host=unix://{socket}", f"--data-root={folder}/data"]
        argv += [f"--exec-root={short}/exec", f"--pidfile={short}/pid"]
        argv += ["--bridge=none", "--iptables=false", "--ip-forward=false", "--ip-masq=false"]
        with log.open("wb") as stream:
            daemon = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream)
        try:
            _await(daemon, log)
            yield Engine(socket, daemon.pid)
        finally:
            daemon.terminate()
            daemon.wait(_PATIENCE)
            unmount(folder)
            unmount(Path(short))


def is_installed() -> bool:
    """Return whether the peer's client and daemon are there, and this process may start it."""
    return Path(_CLIENT).exists() and Path(_DAEMON).exists() and os.geteuid() == 0


def write_dockerfile(root: Path, names: Sequence[str]) -> int:
    """Write a Dockerfile with one COPY for each module; return how many modules share a COPY.

    More modules than the engine has layers for share them, two or more to each.
    """
    share = -(-len(names) // MAX_COPIES)
    lines = [f"FROM {BASE}", "COPY modules/host/src /app/site/"]
    for start in range(0, len(names), share):
        sources = " ".join(f"modules/{name}/src" for name in names[start : start + share])
        lines.append(f"COPY {sources} /app/site/")
    lines += ["COPY generated /app/site/generated/", 'CMD ["/usr/local/bin/python3"]']
    (root / "Dockerfile").write_text("\n".join(lines) + "\n")
    (root / ".dockerignore").write_text("releases\nwheels\n")
    return share


def python_build(module: Path, wheels: Path) -> Run:
    """Build one module's wheel with PyPA build's own command, isolated, with pip's warm cache."""
    shutil.rmtree(wheels, ignore_errors=True)
    argv = [sys.executable, "-m", "build", "--wheel", "--outdir", str(wheels)]
    return run([*argv, str(module)], cwd=module, env=environment())


def _await(daemon: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + _PATIENCE
    while "API listen on" not in log.read_text(errors="replace"):
        if daemon.poll() is not None or time.monotonic() > end:
            raise BenchError(f"dockerd does not start\n{log.read_text(errors='replace')[-2000:]}")
        time.sleep(0.05)


def _processor_seconds(pid: int) -> float:
    """Return user and system time of a process and of its living children (proc(5))."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    own = sum(int(fields[number]) for number in (11, 12, 13, 14)) / _TICK
    lists = Path(f"/proc/{pid}/task").glob("*/children")  # by the thread that started them
    children = [child for text in lists for child in text.read_text().split()]
    return own + sum(_processor_seconds(int(child)) for child in children)


def unmount(folder: Path) -> None:
    """Unmount what a killed process left, deepest first."""
    points = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
    for point in sorted((p for p in points if p.startswith(f"{folder}/")), reverse=True):
        subprocess.run(["umount", "--lazy", point], check=False)
