"""The program of tiny releases: it answers who it is, and misbehaves in the ways of its mode."""

import http.server
import json
import os
import pathlib
import signal
import sys
import threading
import time

MODE = "works"
print("starting", MODE, flush=True)
if sys.argv[1:2] == ["migrate"]:
    DONE, WORDS = pathlib.Path("/data/migrated"), sys.argv[2:]
    while MODE == "never migrated":
        time.sleep(1)
    if MODE == "badly migrated":
        sys.exit("shop/2: near NONSENSE")
    pending = [] if DONE.exists() else ["shop/1"]
    if "--dry-run" not in WORDS:
        DONE.touch()
    backup = "copy" if "--backup" in WORDS else None
    print(json.dumps({"migrations": pending, "backup": backup}))
    sys.exit()
if MODE == "exits":
    sys.exit("no database: cannot start")
if MODE == "slow":
    time.sleep(1.5)


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers every path, as most modes do."""

    def do_GET(self) -> None:
        """Answer who this is; `/slow` takes its time, and `/environment` shows what was given.

        Of a file that is named there it shows mode and content.
        """
        if self.path == "/slow":
            time.sleep(0.8)
        if (self.path, MODE) in {("/readyz", "unready"), ("/shop", "wrong")}:
            self.send_response(503)
            self.end_headers()
            return
        release = os.environ["XTASK_RELEASE_ID"] if MODE != "lies" else "rel_other"
        said: dict[str, object] = {
            "release_id": release,
            "image_digest": os.environ["XTASK_IMAGE_DIGEST"],
        }
        if self.path == "/environment":
            said = dict(os.environ)
            for name, path in os.environ.items():
                if name.endswith("_FILE"):
                    file = pathlib.Path(path)
                    mode = oct(file.stat().st_mode)[-3:]
                    said[name] = {"path": path, "mode": mode, "content": file.read_text()}
        body = json.dumps(said).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        """Write nothing."""


class Server(http.server.ThreadingHTTPServer):
    """Ends after the requests that it has begun."""

    request_queue_size = 128
    daemon_threads = False


server = Server(("0.0.0.0", 8000), Handler)
signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
if MODE == "dies":
    threading.Timer(2.0, lambda: os._exit(3)).start()
server.serve_forever()
server.server_close()
