"""A registry on this machine: the real `docker-registry`, and a proxy before it that can fail."""

from __future__ import annotations

import contextlib
import http.client
import re
import socket
import subprocess
import threading
import time
from dataclasses import dataclass, field, fields
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

# `anna` and `sesame`, with bcrypt.
HTPASSWD = "anna:$2y$05$abcdefghijklmnopqrstuuKcS.CYWVYVaLiiCKrrc0A5s3mGesJ9O\n"

_CONFIG = """\
version: 0.1
log: {{level: error, accesslog: {{disabled: true}}}}
storage:
  filesystem: {{rootdirectory: {root}}}
  delete: {{enabled: true}}
  maintenance: {{uploadpurging: {{enabled: false}}}}
http: {{addr: "{host}:{port}", secret: "test"}}
"""
_AUTH = "auth: {{htpasswd: {{realm: test, path: {path}}}}}\n"


@contextlib.contextmanager
def docker_registry(
    folder: Path, *, htpasswd: bool = False, host: str = "127.0.0.1"
) -> Iterator[str]:
    """Yield `127.0.0.1:PORT` of a registry that keeps its blobs in the folder.

    It listens at `host`, in the network namespace of the caller.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    config = _CONFIG.format(root=folder / "data", host=host, port=port)
    if htpasswd:
        (folder / "htpasswd").write_text(HTPASSWD)
        config += _AUTH.format(path=folder / "htpasswd")
    (folder / "config.yml").write_text(config)
    argv = ["docker-registry", "serve", str(folder / "config.yml")]
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen(argv, stdout=log, stderr=log, env={"OTEL_TRACES_EXPORTER": "none"}) as it,
    ):
        try:
            _wait(port)
            yield f"127.0.0.1:{port}"
        finally:
            it.terminate()


def _wait(port: int) -> None:
    end = time.monotonic() + 20
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.02)
        else:
            return


class Asked(NamedTuple):
    """A request as it arrived; `taken` counts the bytes of its body that arrived."""

    method: str
    path: str
    headers: Mapping[str, str]
    taken: int


class Reply(NamedTuple):
    """An answer; `cut` drops the connection after so many bytes of its body."""

    status: int
    headers: Mapping[str, str] = {}
    body: bytes = b""
    cut: int | None = None


@dataclass
class Fault:
    """What happens instead to the first `times` requests whose method, path and headers match.

    `reply` answers without asking the registry, `change` alters its answer, `take` passes so many
    bytes of the body on and drops both connections, `forget` drops the connection after the
    registry has answered, `wait` is in seconds.
    """

    pattern: str
    times: int = 1
    reply: Reply | Callable[[Asked], Reply] | None = None
    change: Callable[[Reply], Reply] | None = None
    take: int | None = None
    forget: bool = False
    wait: float = 0
    when: Callable[[Mapping[str, str]], bool] = field(default=lambda _: True, repr=False)

    def __str__(self) -> str:
        """Return what is unusual about it; functions by name, the same in every process."""
        said = {part.name: getattr(self, part.name) for part in fields(self) if part.repr}
        unusual = {name: value for name, value in said.items() if value != getattr(Fault, name, "")}
        return " ".join(f"{name}={getattr(one, '__name__', one)}" for name, one in unusual.items())


@dataclass
class Proxy:
    """What came through a proxy, and what goes wrong in it."""

    address: str = ""
    upstream: str = ""
    asked: list[Asked] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def seen(self, pattern: str) -> list[Asked]:
        """The requests whose method and path match."""
        return [one for one in self.asked if re.match(pattern, f"{one.method} {one.path}")]

    def fault(self, method: str, path: str, headers: Mapping[str, str]) -> Fault | None:
        with self.lock:
            for one in self.faults:
                if (
                    one.times > 0
                    and re.match(one.pattern, f"{method} {path}")
                    and one.when(headers)
                ):
                    one.times -= 1
                    return one
        return None


@contextlib.contextmanager
def proxy(upstream: str = "") -> Iterator[Proxy]:
    """Yield a proxy to the registry at `upstream`; without one, only its faults answer."""
    state = Proxy(upstream=upstream)

    class Handler(_Handler):
        proxy = state

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 64

        def handle_error(self, *_: object) -> None:
            """A connection that is dropped on either side is what this is for."""

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        state.address = f"127.0.0.1:{server.server_port}"
        try:
            yield state
        finally:
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 20
    proxy: Proxy

    def do_GET(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        fault = self.proxy.fault(self.command, self.path, dict(self.headers))
        wanted = length if fault is None or fault.take is None else min(length, fault.take)
        body = self.rfile.read(wanted)
        asked = Asked(self.command, self.path, dict(self.headers), len(body))
        with self.proxy.lock:
            self.proxy.asked.append(asked)
        if fault and fault.wait:
            time.sleep(fault.wait)
        if fault and fault.take is not None:
            self._pass_part(body, length)
            self._drop()
        elif fault and fault.reply:
            self._answer(fault.reply(asked) if callable(fault.reply) else fault.reply)
        else:
            reply = self._pass(body)
            if fault and fault.forget:
                self._drop()
            else:
                self._answer(fault.change(reply) if fault and fault.change else reply)

    do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815 - the names that the standard library calls

    def _pass(self, body: bytes) -> Reply:
        if not self.proxy.upstream:
            return Reply(404)
        connection = http.client.HTTPConnection(self.proxy.upstream, timeout=20)
        try:
            connection.request(self.command, self.path, body or None, dict(self.headers))
            response = connection.getresponse()
            return Reply(response.status, dict(response.headers), response.read())
        finally:
            connection.close()

    def _pass_part(self, part: bytes, length: int) -> None:
        if not self.proxy.upstream:
            return
        host, _, port = self.proxy.upstream.partition(":")
        with socket.create_connection((host, int(port))) as stream:
            lines = [f"{self.command} {self.path} HTTP/1.1"]
            lines += [f"{name}: {value}" for name, value in self.headers.items()]
            stream.sendall("\r\n".join([*lines, "", ""]).encode() + part)
            assert length > len(part)
            time.sleep(0.1)

    def _answer(self, reply: Reply) -> None:
        self.send_response(reply.status)
        stated = {name.lower() for name in reply.headers}
        for name, value in reply.headers.items():
            if name.lower() not in {"date", "server", "connection"}:
                self.send_header(name, value)
        if "content-length" not in stated and "transfer-encoding" not in stated:
            self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(reply.body[: reply.cut])
        if reply.cut is not None:
            self._drop()

    def _drop(self) -> None:
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, *_: object) -> None:
        pass
