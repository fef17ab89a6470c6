"""The program of the import check: imports everything that the registry names.

xtask never imports it. It is started with the product's Python, `-I -S`, the product's packages as
the only folder beside the standard library. Standard input is a list of `package.module:attribute`;
the last line of standard output maps each one that cannot be imported to the reason.
"""

from __future__ import annotations

import importlib
import json
import os
import sys


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


def main() -> None:
    """Probe what standard input names; what modules print, even at exit, goes to standard error."""
    sys.path.insert(0, sys.argv[1])
    sys.dont_write_bytecode = True
    targets = json.load(sys.stdin)
    answer = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    failures = {}
    for target in targets:
        for stream in (answer.fileno(), 2):  # the last one, when the answer never comes
            os.write(stream, f"importing {target}\n".encode())
        if reason := probe(target):
            failures[target] = reason
    with answer:
        json.dump(failures, answer)


if __name__ == "__main__":
    main()
