"""Compiled modules; their bytes depend on source, path in the image and Python version only.

An image is read-only, so Python could not keep what it compiles at each start.
"""

from __future__ import annotations

import importlib.util
import marshal
import sys
import warnings

from xtask.errors import XtaskError

# PEP 552: hash-based and never checked, because the image cannot change.
_UNCHECKED_HASH = (1).to_bytes(4, "little")
# The last marshal format before references between objects. Newer ones write which objects are one
# object, and that is an accident of the process: one-letter strings are shared with whoever else
# uses them, such as the name of the current folder.
_WITHOUT_REFERENCES = 2


class CompileError(XtaskError):
    """A source that is not Python for this interpreter; `path` and `line` (0 unknown) say where."""

    def __init__(self, path: str, line: int, reason: str) -> None:
        super().__init__(f"{path}:{line}: {reason}" if line else f"{path}: {reason}")
        self.path = path
        self.line = line


def compiled_path(source: str) -> str:
    """Return where Python looks for the compiled form of the source (PEP 3147)."""
    folder, _, name = source.rpartition("/")
    stem = name.removesuffix(".py")
    cache = f"__pycache__/{stem}.{sys.implementation.cache_tag}.pyc"
    return f"{folder}/{cache}" if folder else cache


def compile_module(source: bytes, path: str) -> bytes:
    """Return the `.pyc` of a source that lies at `path`, relative to the root of the image.

    Raises:
        CompileError: the source does not compile, or is nested too deeply to be kept compiled.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            code = compile(source, "/" + path, "exec", dont_inherit=True, optimize=0)
        compiled = marshal.dumps(code, _WITHOUT_REFERENCES)
    except (SyntaxError, ValueError) as error:  # the latter of code that is nested too deeply, too
        line = getattr(error, "lineno", None) or 0
        raise CompileError(path, line, getattr(error, "msg", None) or str(error)) from error
    except (RecursionError, MemoryError) as error:  # what the parser says when its stack is full
        raise CompileError(path, 0, "is nested too deeply") from error
    header = importlib.util.MAGIC_NUMBER + _UNCHECKED_HASH + importlib.util.source_hash(source)
    return header + compiled
