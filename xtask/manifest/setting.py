"""Typed settings: what a module declares, and whether a value fits."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from xtask.manifest.module import Setting
from xtask.manifest.pattern import follows
from xtask.manifest.table import shortened

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from xtask.diagnostics import Place
    from xtask.manifest.module import Shape
    from xtask.manifest.table import Scalar, Table

SETTING_TYPES: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "array": list,
    "object": dict,
}
NUMBERS = ("integer", "number")
SCALARS = ("string", *NUMBERS, "boolean")
# Longer texts than this are not measured by a regular expression.
_MAX_MEASURED = 1_000_000


class Value(NamedTuple):
    """A setting's value, which JSON has too, with its place."""

    value: Any
    place: Place


def read_setting(key: str, table: Table) -> Setting:
    """Return one typed setting, checked not to contradict itself (XT0210)."""
    kind = table.choice("type", SCALARS)
    minimum, maximum = read_bounds(table, "minimum", "maximum", kind)
    setting = Setting(
        key=key,
        type=kind,
        default=table.scalar("default"),
        required=table.boolean("required"),
        description=table.text("description", default=""),
        minimum=minimum,
        maximum=maximum,
        options=read_options(table, "options", kind),
        secret=table.boolean("secret"),
        place=table.place,
    )
    table.done()
    return with_fitting_default(setting, table, table.place.at("default"))


def read_values(table: Table) -> dict[str, dict[str, Value]]:
    """Return what is written for the settings of modules, by module and key."""
    found: dict[str, dict[str, Value]] = {}
    for name, keys in table.items():
        values = {key: keys.plain(key) for key in keys.keys()}  # noqa: SIM118 - not a dict
        found[name] = {
            key: Value(value, keys.place.at(key))
            for key, value in values.items()
            if value is not None
        }
    return found


def read_bounds(
    table: Table, low: str, high: str, kind: str, measured: Collection[str] = NUMBERS
) -> tuple[float | None, float | None]:
    """Return the least and the greatest value; none when they cannot be meant (XT0210).

    Args:
        table: where they are written.
        low: the key of the least one.
        high: the key of the greatest one.
        kind: the type of the value; of one that is not known nothing is said.
        measured: the types that have bounds.
    """
    minimum, maximum = table.number(low), table.number(high)
    if kind in SETTING_TYPES and kind not in measured:
        for key in (low, high):
            require_meaning(table, key, kind)
        return None, None
    if minimum is not None and maximum is not None and minimum > maximum:
        message = f"`{low}` is {minimum}, which is more than `{high}`, {maximum}"
        table.wrong("XT0210", message, low, help="change one of the two: no value is between them")
        return None, None
    return minimum, maximum


def require_meaning(table: Table, key: str, kind: str) -> None:
    """Note a key that says nothing of a value of this type, if it is written (XT0210)."""
    if key in table:
        message = f"`{key}` means nothing for the type `{kind}`"
        table.wrong("XT0210", message, key, help="remove it, or write another type")


def read_options(table: Table, key: str, kind: str) -> tuple[Scalar, ...]:
    """Return the values that may be chosen, those of another type noted (XT0210)."""
    options = table.scalars(key)
    require_options(table, key, kind, options)
    return options


def require_options(table: Table, key: str, kind: str, options: tuple[Scalar, ...]) -> None:
    """Note options that no value of this type can be (XT0210)."""
    if kind in SETTING_TYPES and kind not in SCALARS:
        require_meaning(table, key, kind)
        return
    for option in options:
        if wrong := _mistyped(kind, option):
            message = f"the option `{shortened(str(option))}` {wrong}"
            table.wrong("XT0210", message, key, help="change it, or the type")
            return


def with_fitting_default(setting: Setting, table: Table, place: Place) -> Setting:
    """Return the setting without a default that nobody may have or that does not fit (XT0210).

    Args:
        setting: as it is written.
        table: whose problems these are.
        place: where the default is written.
    """
    key, default = shortened(setting.key), setting.default
    if default is None:
        return setting
    if setting.secret:
        message = f"`{key}` is a secret and may not have a default"
        tip = "give it to the running product as an environment variable"
    elif wrong := misfit(setting, default):
        message = f"the default of `{key}` {wrong}"
        tip = "change the default, or what it must be"
    else:
        return setting
    table.problems.add("XT0210", message, place._replace(secret=setting.secret), help=tip)
    # Nobody is asked for a value instead of the wrong one.
    return setting._replace(default=None, required=False)


def misfit(shape: Shape | Setting, value: Any) -> str | None:  # noqa: ANN401 - any JSON value
    """Return why a value is not one of a shape, as the end of a sentence, or None."""
    if shape.type not in SETTING_TYPES:
        return None
    if wrong := _mistyped(shape.type, value):
        return wrong
    if shape.options and value not in shape.options:
        return f"must be one of {', '.join(map(str, shape.options))}"
    if wrong := _measured(shape, value):
        return wrong
    if shape.pattern and isinstance(value, str) and shape.pattern != length_pattern(shape):
        is_one = follows(value, shape.pattern)
        if not is_one:
            return "does not follow its `pattern`" if is_one is False else "is too long to check"
    return next((wrong for wrong in _inside(shape, value) if wrong), None)


def length_pattern(shape: Shape | Setting) -> str:
    """Return the regular expression of a text with a measured length, nothing for others."""
    low = max(0, math.ceil(shape.minimum or 0))
    high = None if shape.maximum is None else max(0, math.floor(shape.maximum))
    if shape.type != "string" or (not low and high is None):
        return ""
    if max(low, high or 0) > _MAX_MEASURED or low > (low if high is None else high):
        return ""
    return f"(?s:.{{{low},{'' if high is None else high}}})"


def _mistyped(kind: str, value: object) -> str | None:
    types = SETTING_TYPES.get(kind, object)
    if kind and (not isinstance(value, types) or isinstance(value, bool) != (kind == "boolean")):
        return f"must be {'an' if kind[0] in 'aio' else 'a'} {kind}"
    return None


def _measured(shape: Shape | Setting, value: object) -> str | None:
    """Return which bound a number or a length is outside of."""
    if isinstance(value, str | list):
        size, unit = float(len(value)), "characters" if isinstance(value, str) else "entries"
    elif isinstance(value, int | float) and not isinstance(value, bool):
        size, unit = value, ""
    else:
        return None
    verb = "have" if unit else "be"
    if shape.minimum is not None and size < shape.minimum:
        return f"must {verb} at least {shape.minimum} {unit}".rstrip()
    if shape.maximum is not None and size > shape.maximum:
        return f"must {verb} at most {shape.maximum} {unit}".rstrip()
    return None


def _inside(shape: Shape | Setting, value: object) -> Iterator[str | None]:
    """Yield what is wrong inside an array or an object."""
    if isinstance(value, list) and shape.item:
        for index, item in enumerate(value):
            wrong = misfit(shape.item, item)
            yield wrong and f"has an entry {index} that {wrong}"
    elif isinstance(value, dict):
        known = shape.properties or shape.keys
        for key, item in value.items():
            if known and key not in known:
                yield f"has a key `{shortened(key)}` that is not one of its keys"
            wrong = misfit(shape.properties[key], item) if key in shape.properties else None
            yield wrong and f"has a key `{shortened(key)}` that {wrong}"
