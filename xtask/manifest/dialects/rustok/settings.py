"""Settings as `rustok-module.toml` declares them: typed, nested, each default checked."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from xtask.manifest.grammar import Grammar
from xtask.manifest.module import Setting
from xtask.manifest.table import shortened

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from xtask.manifest.table import Scalar, Table

_TYPES: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "array": list,
    "object": dict,
}
_SCALARS = ("string", "integer", "number", "boolean")
_MEASURED = ("string", "integer", "number", "array")
_MAX_DEPTH = 16
# Longer texts than this are not measured by a regular expression.
_MAX_MEASURED = 1_000_000
_KEY = Grammar(
    re.compile(r"[A-Za-z0-9_-]+"), "a name of a setting", "letters, digits, `_` and `-`: `pageSize`"
)


class Schema(NamedTuple):
    """What a value has to be; `minimum` and `maximum` measure texts and arrays by their length."""

    type: str
    minimum: float | None = None
    maximum: float | None = None
    options: tuple[Scalar, ...] = ()
    keys: tuple[str, ...] = ()
    properties: Mapping[str, Schema] = {}
    item: Schema | None = None


def read_settings(table: Table) -> tuple[Setting, ...]:
    """Return the settings in the order in which they are written."""
    found = []
    for key, keys in table.items():
        _require_key(table, key)
        schema = _schema(keys, 0)
        found.append(
            Setting(
                key=key,
                type=schema.type,
                default=keys.value("default"),
                required=keys.boolean("required"),
                description=keys.text("description", default=""),
                minimum=schema.minimum,
                maximum=schema.maximum,
                options=schema.options,
                secret=False,
                place=keys.place,
                pattern=_pattern(schema),
            )
        )
        keys.done()
    return tuple(found)


def _require_key(table: Table, key: str) -> None:
    table.require_key(key, _KEY)


def _pattern(schema: Schema) -> str:
    """Return the regular expression of a text with a measured length, nothing for others."""
    low = max(0, math.ceil(schema.minimum or 0))
    high = None if schema.maximum is None else max(0, math.floor(schema.maximum))
    if schema.type != "string" or (not low and high is None):
        return ""
    if max(low, high or 0) > _MAX_MEASURED or low > (low if high is None else high):
        return ""
    return f"(?s:.{{{low},{'' if high is None else high}}})"


def _schema(table: Table, depth: int) -> Schema:
    """Return what a table of `type`, `min` and so on asks for; its default is checked (XT0210)."""
    kind = table.choice("type", tuple(_TYPES))
    schema = Schema(
        type=kind,
        minimum=_bound(table, "min"),
        maximum=_bound(table, "max"),
        options=table.scalars("options"),
        keys=table.texts("object_keys"),
        properties=_properties(table, depth),
        item=_item(table, depth),
    )
    for key in ("shape", "additional_properties"):
        if key in table:
            message = f"`{key}` is not read by RusToK, nothing is checked by it"
            tip = "write `properties`, with a table for each key"
            table.problems.warn("XT0223", message, table.place.at(key, part="key"), help=tip)
        table.ignore(key)
    for key, message in _contradictions(schema, table):
        table.wrong("XT0204", message, key, help="change one of the two")
    default = table.value("default")
    if default is not None and kind in _TYPES and (wrong := misfit(schema, default)):
        message = f"the default {wrong}"
        table.wrong("XT0210", message, "default", help="change the default, or what it must be")
    return schema


def _bound(table: Table, key: str) -> float | None:
    value = table.scalar(key)
    if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
        return value
    table.wrong("XT0203", f"`{key}` must be a number", key, help="write a number, without quotes")
    return None


def _properties(table: Table, depth: int) -> dict[str, Schema]:
    inside = table.table("properties")
    found = {}
    for key, keys in inside.items():
        _require_key(inside, key)
        found[key] = _nested(keys, depth)
    return found


def _item(table: Table, depth: int) -> Schema | None:
    kind = table.choice("item_type", tuple(_TYPES), default="")
    if "items" not in table:
        table.ignore("items")
        return Schema(kind) if kind in _TYPES else None
    return _nested(table.table("items"), depth)


def _nested(table: Table, depth: int) -> Schema:
    if depth == _MAX_DEPTH:
        message = f"{table.name} is nested more than {_MAX_DEPTH} levels deep"
        table.problems.add("XT0205", message, table.place, help="make settings of its parts")
        return Schema("")
    schema = _schema(table, depth + 1)
    table.boolean("required")
    table.text("description", default="")
    table.done()
    return schema


def _contradictions(schema: Schema, table: Table) -> Iterator[tuple[str, str]]:
    """Yield the keys of a schema that do not go together, and what is wrong with each."""
    low, high, kind = schema.minimum, schema.maximum, schema.type
    for key, kinds in (
        ("min", _MEASURED),
        ("max", _MEASURED),
        ("options", _SCALARS),
        ("object_keys", ("object",)),
        ("properties", ("object",)),
        ("item_type", ("array",)),
        ("items", ("array",)),
    ):
        if key in table and kind in _TYPES and kind not in kinds:
            yield key, f"`{key}` means nothing for the type `{kind}`"
    if low is not None and high is not None and low > high:
        yield "min", f"`min` is {low}, which is more than `max`, {high}"
    for option in schema.options:
        if kind in _SCALARS and (wrong := misfit(Schema(kind), option)):
            yield "options", f"the option `{shortened(str(option))}` {wrong}"
    if len(set(schema.keys)) < len(schema.keys):
        yield "object_keys", "`object_keys` names one key twice"
    if schema.keys and schema.properties and set(schema.keys) != schema.properties.keys():
        yield "object_keys", "`object_keys` are not the keys of `properties`"
    written = table.value("item_type")
    if "items" in table and schema.item and written and written != schema.item.type:
        yield "item_type", f"`item_type` is not the type of `items`, `{schema.item.type}`"


def misfit(schema: Schema, value: object, depth: int = 0) -> str | None:
    """Return why a value is not one of a schema, as the end of a sentence, or None."""
    if depth > _MAX_DEPTH:
        return f"may not be nested more than {_MAX_DEPTH} levels deep"
    kind = _TYPES.get(schema.type, object)
    if not isinstance(value, kind) or isinstance(value, bool) != (schema.type == "boolean"):
        return f"must be {'an' if schema.type[0] in 'aio' else 'a'} {schema.type}"
    if isinstance(value, float) and not math.isfinite(value):
        return "must be a finite number"
    if schema.options and value not in schema.options:
        return f"must be one of {', '.join(map(str, schema.options))}"
    if wrong := _measured(schema, value):
        return wrong
    return next((wrong for wrong in _inside(schema, value, depth) if wrong), None)


def _measured(schema: Schema, value: object) -> str | None:
    if isinstance(value, str | list):
        size, unit = float(len(value)), "characters" if isinstance(value, str) else "entries"
    elif isinstance(value, int | float) and not isinstance(value, bool):
        size, unit = value, ""
    else:
        return None
    verb = "have" if unit else "be"
    if schema.minimum is not None and size < schema.minimum:
        return f"must {verb} at least {schema.minimum} {unit}".rstrip()
    if schema.maximum is not None and size > schema.maximum:
        return f"must {verb} at most {schema.maximum} {unit}".rstrip()
    return None


def _inside(schema: Schema, value: object, depth: int) -> Iterator[str | None]:
    """Yield what is wrong inside an array or an object."""
    if isinstance(value, list):
        for index, item in enumerate(value):
            wrong = _part(schema.item, item, depth)
            yield wrong and f"has an entry {index} that {wrong}"
    elif isinstance(value, dict):
        known = schema.properties or schema.keys
        for key, item in value.items():
            if known and key not in known:
                yield f"has a key `{shortened(key)}` that is not one of its keys"
            wrong = _part(schema.properties.get(key), item, depth)
            yield wrong and f"has a key `{shortened(key)}` that {wrong}"


def _part(schema: Schema | None, value: Any, depth: int) -> str | None:  # noqa: ANN401 - any value
    """Return what is wrong with a part; one of no known type only has to be JSON."""
    if schema is not None and schema.type in _TYPES:
        return misfit(schema, value, depth + 1)
    if value is None:
        return None
    kind = next((name for name, kind in _TYPES.items() if type(value) in _kinds(kind)), None)
    return misfit(Schema(kind), value, depth + 1) if kind else "must be what JSON has"


def _kinds(kind: type | tuple[type, ...]) -> tuple[type, ...]:
    return kind if isinstance(kind, tuple) else (kind,)
