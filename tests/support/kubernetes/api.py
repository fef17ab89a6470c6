"""A Kubernetes API server on loopback that records what it is asked, and can be told to fail."""

from __future__ import annotations

import base64
import contextlib
import json
import re
import socket
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

import yaml

from tests.support import schema
from tests.support.kubernetes import ownership
from tests.support.kubernetes.nodes import Nodes
from tests.support.kubernetes.store import Key, Store
from xtask.release import health

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_PATH = re.compile(
    r"/(?:api/v1|apis/[a-z0-9.]+/v1)"
    r"(?:/namespaces/(?P<namespace>[a-z0-9-]+)(?=/))?"
    r"/(?P<plural>[a-z]+)(?:/(?P<name>[a-z0-9-]+)(?::(?P<port>\d+))?(?P<rest>/.*)?)?"
)


class Asked(NamedTuple):
    """One request that has arrived."""

    method: str
    path: str
    query: dict[str, str]
    content_type: str


@dataclass
class Fault:
    """What goes wrong with the next requests like this; status 0 hangs up without an answer."""

    method: str
    path: str
    status: int
    times: int = 1
    after: bool = False


@dataclass
class Api:
    """A cluster: what it holds, what runs, what it was asked, what shall go wrong."""

    store: Store
    nodes: Nodes
    address: str = ""
    asked: list[Asked] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)

    def fault(self, asked: Asked) -> Fault | None:
        for each in self.faults:
            if each.times and each.method == asked.method and re.search(each.path, asked.path):
                each.times -= 1
                return each
        return None

    def edit(self, key: Key, path: tuple[str, ...], value: Any, manager: str = "kubectl") -> None:
        """Change a field as somebody does by hand."""
        live = self.store.get(key)
        assert live is not None
        self.store.put(key, ownership.edited(live, path, value, manager))

    def kubeconfig(self, path: Path, context: str = "test") -> Path:
        """Write a file that leads here."""
        cluster = {"name": "here", "cluster": {"server": self.address}}
        user = {"name": "tester", "user": {"token": "none"}}
        where = {"name": context, "context": {"cluster": "here", "user": "tester"}}
        kinds = {"apiVersion": "v1", "kind": "Config", "current-context": context}
        lists = {"clusters": [cluster], "users": [user], "contexts": [where]}
        path.write_text(yaml.safe_dump(kinds | lists))
        return path

    def endpoint(self, namespace: str, port: int) -> int | None:
        """Return where the next connection to the Service with this port goes."""
        for key, service in self.store.objects.copy().items():
            ours = (key.plural, key.namespace) == ("services", namespace)
            if ours and service["spec"]["ports"][0]["port"] == port:
                found = self.store.get(Key("endpointslices", namespace, key.name)) or {}
                names = [each["targetRef"]["name"] for each in found.get("endpoints", ())]
                ports = (self.nodes.address(Key("pods", namespace, name)) for name in names)
                return next((each for each in ports if each), None)
        return None


@contextlib.contextmanager
def api_server(folder: Path) -> Iterator[Api]:
    """Yield a cluster; its processes end with the block."""
    store = Store()
    api = Api(store, Nodes(store, folder))
    handler = type("Handler", (_Handler,), {"api": api})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    api.address = f"http://127.0.0.1:{server.server_address[1]}"
    threads = [
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}),
        threading.Thread(target=api.nodes.run),
    ]
    for each in threads:
        each.start()
    try:
        yield api
    finally:
        api.nodes.stop()
        server.shutdown()
        server.server_close()
        for each in threads:
            each.join()
        api.nodes.stop()


@contextlib.contextmanager
def service_proxy(api: Api, namespace: str, port: int) -> Iterator[None]:
    """Do what a node does: send each connection to a port to a pod that its Service selects."""

    def carry(client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            if not (to := api.endpoint(namespace, port)):
                return
            with socket.create_connection(("127.0.0.1", to), timeout=10) as upstream:
                upstream.sendall(client.recv(1 << 16))
                while piece := upstream.recv(1 << 16):
                    client.sendall(piece)

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                threading.Thread(target=carry, args=(client,), daemon=True).start()

    with socket.create_server(("127.0.0.1", port), backlog=128) as listener:
        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    """Answers for one connection."""

    api: Api
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def handle_one_request(self) -> None:
        with contextlib.suppress(ConnectionError):
            super().handle_one_request()

    def log_message(self, *_arguments: object) -> None:
        pass

    def do_GET(self) -> None:
        self._answer(self._get)

    def do_PATCH(self) -> None:
        self._answer(self._patch)

    def do_DELETE(self) -> None:
        self._answer(self._delete)

    def _answer(self, act: Any) -> None:
        parts = urlsplit(self.path)
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        length = int(self.headers.get("Content-Length") or 0)
        self.body = self.rfile.read(length)
        asked = Asked(self.command, parts.path, query, self.headers.get("Content-Type", ""))
        self.api.asked.append(asked)
        fault = self.api.fault(asked)
        if fault is not None and not fault.after:
            self._fail(fault)
            return
        if parts.path == "/version":
            self._say(200, {"major": "1", "minor": "37"})
            return
        found = _PATH.fullmatch(parts.path)
        if found is None:
            self._refuse(404, "the server could not find the requested resource")
            return
        self.fault = fault
        act(found, query)

    def _get(self, found: re.Match[str], query: dict[str, str]) -> None:
        store, key = self.api.store, _key(found)
        if not key.name:
            wanted = dict(each.split("=") for each in query["labelSelector"].split(","))
            if "watch" in query:
                self._watch(key, query)
                return
            items = store.list(key.plural, key.namespace, wanted)
            version = {"resourceVersion": str(store.version)}
            self._say(200, {"kind": "List", "metadata": version, "items": items})
        elif (live := store.get(key)) is None:
            self._refuse(404, f'{key.plural} "{key.name}" not found')
        elif (found["rest"] or "").startswith("/proxy/"):
            self._proxy(key, found["rest"].removeprefix("/proxy"))
        elif found["rest"] == "/log":
            self._say(200, self.api.nodes.log(key))
        else:
            self._say(200, live)

    def _watch(self, key: Key, query: dict[str, str]) -> None:
        """Tell what has changed until the time is over; the end of the connection is the end."""
        store, since = self.api.store, int(query["resourceVersion"])
        end = time.monotonic() + float(query["timeoutSeconds"])
        self.close_connection = True
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        if since < store.forgotten:
            status = {"kind": "Status", "code": 410, "reason": "Expired"}
            self._line({"type": "ERROR", "object": status})
            return
        while (left := end - time.monotonic()) > 0:
            with store.changed:
                events = store.since(since, key.plural, key.namespace)
                if not events:
                    store.changed.wait(min(left, 0.2))
            for each in events:
                since = each.version
                self._line({"type": each.type, "object": each.object})

    def _line(self, event: dict[str, Any]) -> None:
        line = json.dumps(event).encode() + b"\n"
        self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))

    def _proxy(self, key: Key, path: str) -> None:
        port = self.api.nodes.address(key)
        answer = health.at(port)(path) if port else health.Answer(0, "connection refused")
        if answer.status:
            self._say(answer.status, answer.text)
        else:
            self._refuse(503, f"error trying to reach service: {answer.text}")

    def _patch(self, found: re.Match[str], query: dict[str, str]) -> None:
        store, key, manifest = self.api.store, _key(found), json.loads(self.body)
        with store.changed:
            live = store.get(key)
            if problem := self._inadmissible(key, live, manifest):
                self._refuse(*problem)
                return
            try:
                made = ownership.applied(live, manifest, query["fieldManager"])
            except ownership.ConflictError as error:
                self._refuse(
                    409,
                    f"Apply failed with {len(error.causes)} conflicts",
                    {"causes": error.causes},
                )
                return
            if "dryRun" not in query:
                made = store.put(key, made)
        self._say(200 if live else 201, made)

    def _inadmissible(
        self, key: Key, live: dict[str, Any] | None, manifest: dict[str, Any]
    ) -> tuple[int, str] | None:
        """Return why an object cannot be so, whoever owns its fields."""
        try:
            schema.check(manifest)
        except ValueError as error:
            return 400, f"strict decoding error: {error}"
        if key.namespace and Key("namespaces", "", key.namespace) not in self.api.store.objects:
            return 404, f'namespaces "{key.namespace}" not found'
        version = manifest["metadata"].get("resourceVersion")
        now = live["metadata"]["resourceVersion"] if live else None
        if version is not None and version != now:
            return 409, "the object has been modified; please apply your changes to the latest"
        if live and live.get("immutable") and live["data"] != manifest["data"]:
            return 422, "data: Forbidden: field is immutable when `immutable` is set"
        if live and key.plural == "deployments":
            old, new = (each["spec"]["selector"] for each in (live, manifest))
            return (422, "spec.selector: field is immutable") if old != new else None
        for value in manifest.get("data", {}).values() if key.plural == "secrets" else ():
            base64.b64decode(value, validate=True)
        return None

    def _delete(self, found: re.Match[str], _query: dict[str, str]) -> None:
        gone = self.api.store.delete(_key(found))
        if gone is None:
            self._refuse(404, "not found")
        else:
            self._say(200, {"kind": "Status", "status": "Success"})

    def _fail(self, fault: Fault) -> None:
        if fault.status:
            self._refuse(fault.status, f"it was told to say {fault.status}")
        else:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)

    def _refuse(self, code: int, message: str, details: dict[str, Any] | None = None) -> None:
        reason = {404: "NotFound", 409: "Conflict", 410: "Expired"}.get(code, "Invalid")
        status = {"kind": "Status", "status": "Failure", "message": message, "reason": reason}
        self._say(code, {**status, "code": code, "details": details or {}})

    def _say(self, code: int, content: Any) -> None:
        fault, self.fault = getattr(self, "fault", None), None
        if fault is not None:  # it was done, and nobody is told
            self._fail(fault)
            return
        body = content.encode() if isinstance(content, str) else json.dumps(content).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _key(found: re.Match[str]) -> Key:
    namespace = found["namespace"] or ""
    return Key(found["plural"], namespace, found["name"] or "")
