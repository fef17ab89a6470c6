"""A swarm on this machine: three Docker Engines, all of them managers, in network namespaces.

Each has its own data, socket, host name and control groups. The thread that talks to the swarm has
to be inside `Swarm.namespace`, from which the addresses of all nodes can be reached.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.support.namespaces import bridged, inside, ip
from tests.support.registry import docker_registry
from xtask.release.docker.engine import knock

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from docker import DockerClient

NETWORK = "10.77.0"
OUTSIDE = f"{NETWORK}.254"
NODES = (1, 2, 3)
_START_SECONDS = 60
_NAMED = 'hostname "$1"; shift; exec "$@"'


@dataclass
class Swarm:
    """Three nodes, 1 to 3, and the registry from which they pull."""

    folder: Path
    namespace: str
    registry: str = ""
    engines: dict[int, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def addresses(self) -> tuple[str, ...]:
        return tuple(self.socket(node) for node in NODES)

    def socket(self, node: int) -> str:
        return f"unix://{self.folder}/{node}/socket"

    @staticmethod
    def host(node: int) -> str:
        return f"{NETWORK}.{node}"

    @contextlib.contextmanager
    def client(self, node: int = 1) -> Iterator[DockerClient]:
        import docker

        client = docker.DockerClient(self.socket(node), version="1.41", timeout=60)
        with contextlib.closing(client):
            yield client

    def leader(self) -> int:
        """Return the node that leads the managers."""
        with self.client() as client:
            (leading,) = (
                each.attrs["Description"]["Hostname"]
                for each in client.nodes.list()
                if each.attrs.get("ManagerStatus", {}).get("Leader")
            )
        return int(leading.removeprefix("node"))

    def start(self, node: int) -> None:
        """Start an engine and wait for it; after `kill` it is the same node again."""
        home = self.folder / str(node)
        home.mkdir(exist_ok=True)
        for stale in (home / "pid", home / "exec" / "containerd" / "containerd.pid"):
            stale.unlink(missing_ok=True)
        argv = [
            "nsenter", f"--net=/run/netns/{self.member(node)}",
            "unshare", "--uts", "sh", "-c", _NAMED, "sh", f"node{node}",
            "dockerd", "--data-root", str(home / "root"), "--exec-root", str(home / "exec"),
            "--pidfile", str(home / "pid"), "--host", self.socket(node), "--userland-proxy=false",
            "--cgroup-parent", f"/{self.member(node)}", "--insecure-registry", f"{NETWORK}.0/24",
        ]  # fmt: skip
        with (home / "log").open("ab") as log:
            self.engines[node] = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        eventually(lambda: knock(self.socket(node), 5))
        with self.client(node) as client:
            eventually(client.ping)

    def kill(self, node: int) -> None:
        """Let a host die: its engine and all that it runs, at once."""
        engine = self.engines.pop(node)
        doomed = {engine.pid, *_named(f"{self.folder}/{node}/exec")}
        _kill(_with_descendants(doomed))
        engine.wait()

    def cut(self, node: int) -> None:
        """Take a node off the network."""
        ip("-n", self.namespace, "link", "set", self.member(node), "down")

    def heal(self, node: int) -> None:
        """Put a node back on the network."""
        ip("-n", self.namespace, "link", "set", self.member(node), "up")

    def blob(self, digest: str) -> Path:
        """Return the file in which the registry keeps a blob."""
        name = digest.partition(":")[2]
        blobs = self.folder / "registry" / "data" / "docker" / "registry" / "v2" / "blobs"
        return blobs / "sha256" / name[:2] / name / "data"

    def member(self, node: int) -> str:
        return f"{self.namespace}-{node}"

    def join(self) -> None:
        """Make one swarm of the engines, which misses a node as soon as any swarm would."""
        with self.client(1) as first:
            own = {"advertise_addr": self.host(1), "listen_addr": f"{self.host(1)}:2377"}
            first.swarm.init(**own)
            token = first.swarm.attrs["JoinTokens"]["Manager"]
        for node in NODES[1:]:
            with self.client(node) as client:
                client.swarm.join(
                    [f"{self.host(1)}:2377"],
                    token,
                    advertise_addr=self.host(node),
                    listen_addr=f"{self.host(node)}:2377",
                )


@contextlib.contextmanager
def three_engines(folder: Path) -> Iterator[Swarm]:
    """Yield a swarm of three engines; nothing of it stays."""
    swarm = Swarm(folder, f"xt{os.getpid()}")
    members = {swarm.member(node): swarm.host(node) for node in NODES}
    with contextlib.ExitStack() as stack:
        stack.enter_context(bridged(swarm.namespace, members, OUTSIDE))
        with inside(swarm.namespace):
            registry = docker_registry(folder / "registry", host="0.0.0.0")
            port = stack.enter_context(registry).rpartition(":")[2]
        swarm.registry = f"{OUTSIDE}:{port}"
        try:
            with ThreadPoolExecutor(len(NODES)) as pool:
                list(pool.map(swarm.start, NODES))
            swarm.join()
            yield swarm
        finally:
            for node in tuple(swarm.engines):
                swarm.kill(node)
            _clear(swarm)


def eventually(succeed: Any, *, within: float = _START_SECONDS) -> None:
    """Call until there is no error, at most so many seconds."""
    deadline = time.monotonic() + within
    while True:
        try:
            succeed()
        except Exception:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return


def _clear(swarm: Swarm) -> None:
    """Remove mounts, control groups and files of engines that have ended."""
    mounts = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
    ours = sorted((each for each in mounts if each.startswith(f"{swarm.folder}/")), reverse=True)
    subprocess.run(["umount", "--lazy", *ours], check=False, capture_output=True)
    for node in NODES:
        for top in ("", "*/"):
            for group in Path("/sys/fs/cgroup").glob(f"{top}{swarm.member(node)}"):
                for each, _, _ in os.walk(group, topdown=False):
                    with contextlib.suppress(OSError):
                        Path(each).rmdir()
        shutil.rmtree(swarm.folder / str(node), ignore_errors=True)


def _kill(pids: Iterable[int]) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _named(text: str) -> set[int]:
    """Return the processes whose command line holds the text."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if text.encode() in path.read_bytes():
                found.add(int(path.parent.name))
    return found


def _with_descendants(pids: Iterable[int]) -> set[int]:
    children: dict[int, set[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            parent = int(path.read_text().rpartition(")")[2].split()[1])
            children.setdefault(parent, set()).add(int(path.parent.name))
    found: set[int] = set()
    waiting = list(pids)
    while waiting:
        pid = waiting.pop()
        if pid not in found:
            found.add(pid)
            waiting += children.get(pid, ())
    return found
