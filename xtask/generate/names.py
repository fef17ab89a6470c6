"""The only place where foreign text becomes an identifier or a literal of generated code.

Templates refuse every value that did not pass through here.
"""

from __future__ import annotations

import json
import keyword
import math
import re
from typing import Any

from xtask.errors import XtaskError

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_MAX_COLUMNS = 88
_SCRIPT_UNSAFE = {ord(char): f"\\u{ord(char):04x}" for char in "<>&\u2028\u2029"}
_PROTOTYPE_KEYS = {"__proto__", "constructor", "prototype"}


class Safe(str):
    """Text that may stand in generated code as it is."""

    __slots__ = ()


def identifier(text: str) -> Safe:
    """Return a Python identifier; `package.module` and `name:attribute` are flattened with `__`.

    Raises:
        XtaskError: the text cannot be one. Manifests are checked before, so this is never seen.
    """
    flat = re.sub(r"[.:]", "__", text).replace("-", "_")
    if not _NAME.fullmatch(flat) or keyword.iskeyword(flat):
        raise XtaskError(f"{text!r} cannot be an identifier")
    return Safe(flat)


def dotted(text: str) -> Safe:
    """Return a dotted module path such as `shop.api`.

    Raises:
        XtaskError: a part of it cannot be an identifier.
    """
    return Safe(".".join(identifier(part) for part in text.split(".")))


def python(value: Any, indent: int = 0) -> Safe:  # noqa: ANN401 - any JSON value
    """Return the Python literal of a JSON value, laid out as ruff and black do.

    Args:
        value: strings, numbers, booleans, None, and lists and tables of them; lists become tuples.
        indent: columns that the literal's first line stands in, for what does not fit one line.
    """
    match value:
        case str():
            return Safe(_python_text(value))
        case None | bool() | int():
            return Safe(repr(value))
        case float() if math.isfinite(value):
            return Safe(repr(value))
        case list() | tuple():
            return _python_tuple([python(item, indent + 4) for item in value], indent)
        case dict():
            return _python_dict(value, indent)
    raise XtaskError(f"{value!r} cannot be a literal")


def _python_tuple(items: list[Safe], indent: int) -> Safe:
    if len(items) == 1 and "\n" not in items[0] and indent + len(items[0]) < _MAX_COLUMNS - 24:
        return Safe(f"({items[0]},)")
    return _exploded("(", items, ")", indent)


def _python_dict(value: dict[str, Any], indent: int) -> Safe:
    items = [Safe(f"{python(key)}: {python(item, indent + 4)}") for key, item in value.items()]
    return _exploded("{", items, "}", indent)


def _exploded(opening: str, items: list[Safe], closing: str, indent: int) -> Safe:
    if not items:
        return Safe(opening + closing)
    inner = "".join(f"{' ' * (indent + 4)}{item},\n" for item in items)
    return Safe(f"{opening}\n{inner}{' ' * indent}{closing}")


def parameters(names: list[str]) -> Safe:
    """Return the TypeScript type of a route's parameters: one string for each name."""
    if not names:
        return Safe("Record<string, never>")
    return Safe("{ " + "; ".join(f"readonly {typescript(name)}: string" for name in names) + " }")


def _python_text(text: str) -> str:
    """Return a string literal in the quotes that need fewer escapes, double ones when equal."""
    escaped = (
        text.encode("unicode_escape").decode("ascii")
        if not text.isprintable()
        else (text.replace("\\", "\\\\"))
    )
    if escaped.count('"') > escaped.count("'"):
        return "'" + escaped.replace("'", "\\'") + "'"
    return '"' + escaped.replace('"', '\\"') + '"'


def typescript(value: Any) -> Safe:  # noqa: ANN401 - any JSON value
    """Return the TypeScript literal of a JSON value, safe inside `<script>` too.

    Raises:
        XtaskError: a key would reach an object's prototype.
    """
    if isinstance(value, str) and value in _PROTOTYPE_KEYS:
        raise XtaskError(f"{value!r} cannot be a key")
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, sort_keys=True)
    return Safe(text.translate(_SCRIPT_UNSAFE))
