"""Settings as `rustok-module.toml` declares them: typed, nested, each default checked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xtask.manifest.grammar import Grammar
from xtask.manifest.module import Setting, Shape
from xtask.manifest.setting import (
    NUMBERS,
    SETTING_TYPES,
    length_pattern,
    misfit,
    read_bounds,
    read_options,
    require_meaning,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from xtask.manifest.table import Table

_MEASURED = ("string", *NUMBERS, "array")
_MAX_DEPTH = 16
_KEY = Grammar(r"[A-Za-z0-9_-]+", "a name of a setting", "letters, digits, `_` and `-`: `pageSize`")


def read_settings(table: Table) -> tuple[Setting, ...]:
    """Return the settings in the order in which they are written."""
    found = []
    for key, keys in table.items():
        table.require_key(key, _KEY)
        shape = _shape(keys, 0)
        found.append(
            Setting(
                key=key,
                default=keys.value("default"),
                required=keys.boolean("required"),
                description=keys.text("description", default=""),
                secret=False,
                place=keys.place,
                **shape._replace(pattern=length_pattern(shape))._asdict(),
            )
        )
        keys.done()
    return tuple(found)


def _shape(table: Table, depth: int) -> Shape:
    """Return what a table of `type`, `min` and so on asks for; its default is checked (XT0210)."""
    kind = table.choice("type", tuple(SETTING_TYPES))
    minimum, maximum = read_bounds(table, "min", "max", kind, _MEASURED)
    shape = Shape(
        type=kind,
        minimum=minimum,
        maximum=maximum,
        options=read_options(table, "options", kind),
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
    if kind in SETTING_TYPES:
        for key, meant in _PARTS:
            if kind != meant:
                require_meaning(table, key, kind)
    for key, message in _contradictions(shape, table):
        table.wrong("XT0210", message, key, help="change one of the two")
    default = table.plain("default")
    if default is not None and (wrong := misfit(shape, default)):
        message = f"the default {wrong}"
        table.wrong("XT0210", message, "default", help="change the default, or what it must be")
    return shape


# Keys of a setting's parts, and the type that has them.
_PARTS = (
    ("object_keys", "object"),
    ("properties", "object"),
    ("item_type", "array"),
    ("items", "array"),
)


def _properties(table: Table, depth: int) -> dict[str, Shape]:
    inside = table.table("properties")
    found = {}
    for key, keys in inside.items():
        inside.require_key(key, _KEY)
        found[key] = _nested(keys, depth)
    return found


def _item(table: Table, depth: int) -> Shape | None:
    kind = table.choice("item_type", tuple(SETTING_TYPES), default="")
    if "items" not in table:
        table.ignore("items")
        return Shape(kind) if kind in SETTING_TYPES else None
    return _nested(table.table("items"), depth)


def _nested(table: Table, depth: int) -> Shape:
    if depth == _MAX_DEPTH:
        message = f"{table.name} is nested more than {_MAX_DEPTH} levels deep"
        table.problems.add("XT0205", message, table.place, help="make settings of its parts")
        return Shape("")
    shape = _shape(table, depth + 1)
    table.boolean("required")
    table.text("description", default="")
    table.done()
    return shape


def _contradictions(shape: Shape, table: Table) -> Iterator[tuple[str, str]]:
    """Yield the keys of the parts that do not go together, and what is wrong with each."""
    if len(set(shape.keys)) < len(shape.keys):
        yield "object_keys", "`object_keys` names one key twice"
    if shape.keys and shape.properties and set(shape.keys) != shape.properties.keys():
        yield "object_keys", "`object_keys` are not the keys of `properties`"
    written = table.value("item_type")
    if "items" in table and shape.item and written and written != shape.item.type:
        yield "item_type", f"`item_type` is not the type of `items`, `{shape.item.type}`"
