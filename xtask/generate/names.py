"""The only place where foreign text becomes an identifier or a literal of generated code.

Templates refuse every value that did not pass through here.
"""

from __future__ import annotations

import json
import keyword
import math
import re
from json.encoder import encode_basestring
from typing import Any

from xtask.errors import XtaskError

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_MAX_COLUMNS = 88
_SCRIPT_UNSAFE = {ord(char): f"\\u{ord(char):04x}" for char in "<>&"}
_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False)
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


def import_of(target: str, indent: int = 0) -> Safe:
    """Return the statement that imports `package.module:attribute`, laid out as ruff and black do.

    Raises:
        XtaskError: a part of it cannot be an identifier.
    """
    module, attribute = (dotted(part) for part in target.split(":"))
    line = f"from {module} import {attribute}"
    if indent + len(line) <= _MAX_COLUMNS:
        return Safe(line)
    return Safe(f"from {module} import {_exploded('(', [attribute], ')', indent)}")


def signature(function: Safe) -> Safe:
    """Return the line that begins a function of no arguments, laid out as ruff and black do."""
    line = f"def {function}() -> Any:"
    return Safe(line if len(line) <= _MAX_COLUMNS else f"def {function}() -> (\n    Any\n):")


def python(value: Any, indent: int = 0, start: int = 0) -> Safe:  # noqa: ANN401 - any JSON value
    """Return the Python literal of a JSON value, laid out as ruff and black do.

    Args:
        value: strings, numbers, booleans, None, and lists and tables of them; lists become tuples.
        indent: columns before the line that the literal begins in.
        start: columns before the literal in that line.
    """
    match value:
        case str():
            return Safe(_python_text(value))
        case None | bool() | int():
            return Safe(repr(value))
        case float() if math.isfinite(value):
            return Safe(repr(value).replace("e+", "e"))
        case list() | tuple():
            items = [python(item, indent + 4, indent + 4) for item in value]
            return _python_tuple(items, indent, start)
        case dict():
            return _python_dict(value, indent)
    raise XtaskError(f"{value!r} cannot be a literal")


def _python_tuple(items: list[Safe], indent: int, start: int) -> Safe:
    if len(items) == 1 and "\n" not in items[0]:
        line = Safe(f"({items[0]},)")  # the comma makes the tuple, so it does not make lines
        if start + len(line) + len(",") <= _MAX_COLUMNS:
            return line
    return _exploded("(", items, ")", indent)


def _python_dict(value: dict[str, Any], indent: int) -> Safe:
    keys = {key: f"{python(key)}: " for key in value}
    items = [
        Safe(keys[key] + python(item, indent + 4, indent + 4 + len(keys[key])))
        for key, item in value.items()
    ]
    return _exploded("{", items, "}", indent)


def _exploded(opening: str, items: list[Safe], closing: str, indent: int) -> Safe:
    if not items:
        return Safe(opening + closing)
    inner = "".join(f"{' ' * (indent + 4)}{item},\n" for item in items)
    return Safe(f"{opening}\n{inner}{' ' * indent}{closing}")


def parameters(names: list[str]) -> Safe:
    """Return the TypeScript type of a route's parameters: one string for each name.

    Raises:
        XtaskError: a name would reach an object's prototype. Manifests are checked before.
    """
    if not names:
        return Safe("Record<string, never>")
    if taken := sorted(_PROTOTYPE_KEYS.intersection(names)):
        raise XtaskError(f"{taken[0]!r} cannot be a key")
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


def typescript(value: str | list[str]) -> Safe:
    """Return the TypeScript literal of a string or of several, safe inside `<script>` too."""
    return Safe(json_text(value).translate(_SCRIPT_UNSAFE))


def json_text(value: Any) -> str:  # noqa: ANN401 - any JSON value
    """Return JSON in which everything that cannot be seen, such as U+202E, is an escape."""
    if isinstance(value, str):  # the encoder is slow to start
        text = encode_basestring(value)
    elif not value and isinstance(value, list | dict):
        return "[]" if isinstance(value, list) else "{}"
    else:
        text = _ENCODER.encode(value)
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else json.dumps(char)[1:-1] for char in text)
