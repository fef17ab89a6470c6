"""A web server on this machine that offers some files, and remembers who asked for what."""

from __future__ import annotations

import contextlib
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass
class Web:
    """What is served, by path; a text is where a redirect leads."""

    files: dict[str, bytes | str]
    address: str = ""
    asked: list[str] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)


@contextlib.contextmanager
def serving(files: dict[str, bytes | str]) -> Iterator[Web]:
    """Yield a server that ends with the block: then nobody answers at its address."""
    web = Web(files)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            web.asked.append(self.path)
            found = web.files.get(self.path.partition("?")[0])
            self.send_response(404 if found is None else 302 if isinstance(found, str) else 200)
            body = found if isinstance(found, bytes) else b""
            headers = {"Content-Length": str(len(body))} | web.headers
            if isinstance(found, str):
                headers["Location"] = found
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            with contextlib.suppress(ConnectionError):  # who has enough hangs up
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        web.address = f"http://127.0.0.1:{server.server_port}"
        try:
            yield web
        finally:
            server.shutdown()
            thread.join()
