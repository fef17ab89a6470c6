"""The program that starts a build in other surroundings: it changes its own, and then becomes it.

The first argument is a JSON object: `host`, `domain`, `umask`, `processors`; the rest is the build.
"""

from __future__ import annotations

import ctypes
import json
import os
import socket
import sys


def main() -> None:
    asked, argv = json.loads(sys.argv[1]), sys.argv[2:]
    if host := asked.get("host"):
        socket.sethostname(host)
    if domain := asked.get("domain", "").encode():
        library = ctypes.CDLL(None, use_errno=True)
        if library.setdomainname(domain, len(domain)):
            raise OSError(ctypes.get_errno(), "setdomainname")
    os.umask(int(asked["umask"], 8))
    if asked.get("processors") == "1":
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    os.execvp(argv[0], argv)  # noqa: S606 - a build takes the place of this process


if __name__ == "__main__":
    main()
