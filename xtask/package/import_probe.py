"""The program of the import check: imports everything that the registry names.

xtask never imports it. It is started with the product's Python, `-I -S`, before there is a product,
and loads what every registry imports. Standard input is then `{"site": "...", "targets": [...]}`:
the folder with the product's packages, the only one beside the standard library, and what to import
as `package.module:attribute`. The last line of standard output maps each target that cannot be
imported to the reason.
"""

from __future__ import annotations

import dataclasses  # noqa: F401 - what a registry imports
import importlib
import json
import os
import sys
import typing  # noqa: F401 - what a registry imports


def probe(target: str) -> str | None:
    """Return why a target cannot be imported, or None."""
    name, attribute = target.split(":")
    try:
        module = importlib.import_module(name)
    except BaseException as error:  # noqa: BLE001 - whatever happens on import is the answer
        return f"{type(error).__name__}: {error}"
    if not hasattr(module, attribute):
        return f"module `{name}` has no attribute `{attribute}`"
    return None


def enter(site: str) -> None:
    """Let the product's packages come first, also before what was loaded under their names."""
    os.chdir(site)
    sys.path.insert(0, site)
    sys.dont_write_bytecode = True
    brought = {name.partition(".")[0] for name in os.listdir(site)}  # noqa: PTH208 - as it starts
    for name in [name for name in sys.modules if name.partition(".")[0] in brought]:
        del sys.modules[name]


def main() -> None:
    """Probe what standard input names; what modules print, even at exit, goes to standard error."""
    request = json.load(sys.stdin)
    enter(request["site"])
    answer = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    failures = {}
    for target in request["targets"]:
        for stream in (answer.fileno(), 2):  # the last one, when the answer never comes
            os.write(stream, f"importing {target}\n".encode())
        if reason := probe(target):
            failures[target] = reason
    with answer:
        json.dump(failures, answer)


if __name__ == "__main__":
    main()
