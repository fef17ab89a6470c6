"""Regular expressions of other people: those that RE2 and Python both read.

Python's own engine tries one way to match after the other, which can take for ever; RE2 takes time
in proportion to the text, and refuses what would not let it: look-around and references.
"""

from __future__ import annotations

import re
import warnings
from functools import lru_cache
from typing import Any

MAX_LENGTH = 500
MAX_TEXT = 1_000
"""Characters of a text that is matched."""
MAX_STEPS = 50_000
"""Characters of a text times instructions of an expression, which is how long matching takes."""
_MAX_BYTES = 1 << 16
_UNICODE_ESCAPE = re.compile(r"(?<!\\)((?:\\\\)*)\\u([0-9A-Fa-f]{4})")


class PatternError(ValueError):
    """The text is not an expression that is read here."""


def anywhere(text: str) -> str:
    """Return the expression of whole strings for one that may match anywhere in them.

    Raises:
        PatternError: saying why it is none, as the end of a sentence that begins with "it".
    """
    if len(text) > MAX_LENGTH:
        raise PatternError(f"has more than {MAX_LENGTH} characters")
    _compiled(text)
    if re.fullmatch(r"\^[^|]*(?<!\\)\$", text):
        return text
    whole = rf"[\s\S]*(?:{text})[\s\S]*"
    _compiled(whole)
    return whole


def follows(text: str, pattern: str) -> bool | None:
    """Return whether a whole text matches an expression; None when that is too much work.

    Raises:
        PatternError: it is not one that is read here.
    """
    if len(text) > MAX_TEXT:
        return None
    compiled = _compiled(pattern)
    if len(text) * compiled.programsize > MAX_STEPS:
        return None
    return compiled.fullmatch(text) is not None


@lru_cache(maxsize=64)
def _compiled(pattern: str) -> Any:  # noqa: ANN401 - the library has no types
    import re2  # type: ignore[import-untyped]  # noqa: PLC0415 - few modules have a pattern

    options = re2.Options()
    options.max_mem = _MAX_BYTES
    options.log_errors = False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            re.compile(pattern, re.ASCII)  # the running product uses Python's
        return re2.compile(_UNICODE_ESCAPE.sub(r"\1\\x{\2}", pattern), options=options)
    except re2.error as error:
        raise PatternError(f"cannot be read: {error.args[0].decode()}") from error
    except (re.error, RecursionError, OverflowError, FutureWarning, DeprecationWarning) as error:
        raise PatternError(f"cannot be read: {error}") from error
