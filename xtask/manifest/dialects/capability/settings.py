"""The settings of a capability module: fields with a type, bounds and a default.

Both formats have them under `config`; the flat one has `settings` and fields of each job too, and
writes the bounds beside the type instead of under `validation`.
"""

from __future__ import annotations

import math
import re
import warnings
from typing import TYPE_CHECKING, Any, NamedTuple

from xtask.manifest.grammar import Grammar
from xtask.manifest.module import Setting
from xtask.manifest.setting import misfit
from xtask.manifest.table import Table, shortened

if TYPE_CHECKING:
    from xtask.diagnostics import Place
    from xtask.manifest.table import Scalar

_TYPES = ("string", "number", "boolean", "array", "object", "password", "select", "json")
_OF_JSON = {bool: "boolean", int: "number", float: "number", str: "string", list: "array"}
_KEY = Grammar(
    re.compile(r"[A-Za-z][A-Za-z0-9]*(_[A-Za-z0-9]+)*"),
    "a name of a setting",
    "letters, digits, and single `_` between them, such as `syncInterval`",
)
_MAX_DEPTH = 16
_MAX_PATTERN = 500
# Sets with these take milliseconds each, and a manifest may have thousands.
_SLOW = re.compile(r"[^\x00-\xff]|\\u[0-9A-Fa-f]{4}|\\U[0-9A-Fa-f]{8}")
# How many ways to match a pattern are tried while reading; more are left to the running product.
_MAX_WAYS = 100_000


class _Default(NamedTuple):
    """A default, None when there is none, and where it is written."""

    value: Any
    place: Place


def read_settings(table: Table) -> tuple[Setting, ...]:
    """Return the fields under `settings` and `config`, defaults checked (XT0210), by key."""
    config = table.table("config")
    defaults, own = config.table("defaults"), config.table("schema")
    found: dict[str, Setting] = {}
    for key, field in (*own.items(), *table.table("settings").items()):
        if key in found:
            message = f"`{shortened(key)}` is a setting twice"
            tip = "remove it from `config.schema` or from `settings`"
            field.problems.add("XT0205", message, field.place, help=tip)
        found[key] = read_field(key, field, defaults)
    config.done()
    for key in defaults.keys():  # noqa: SIM118 - not a dict
        if key not in found:
            message = f"`{shortened(key)}` has a default and is no setting"
            place = defaults.place.at(key, part="key")
            defaults.problems.add("XT0204", message, place, help="describe it in `config.schema`")
    return tuple(found[key] for key in sorted(found))


def read_field(key: str, field: Table, defaults: Table | None = None) -> Setting:
    """Return one field as a setting.

    Args:
        key: the setting's name.
        field: its description.
        defaults: `config.defaults`, which has to agree with the field's own default.
    """
    if not _KEY.matches(key):
        message = f"`{shortened(key)}` is not {_KEY.meaning}"
        field.problems.add("XT0205", message, field.place, help=_KEY.rule)
    written = field.choice("type", _TYPES)
    bounds = field.table("validation") if "validation" in field else field
    default = _default(key, field, defaults)
    options = (*_options(field, required=written == "select"), *bounds.scalars("enum"))
    label = field.text("label", default="")
    is_sensitive = field.boolean("sensitive")
    setting = Setting(
        key=key,
        type=_type(written, default.value, options, field),
        default=default.value if written in _TYPES else None,
        required=field.boolean("required"),
        description=field.text("description", default=label),
        minimum=_number(bounds, "min"),
        maximum=_number(bounds, "max"),
        options=options,
        secret=written == "password" or is_sensitive,
        place=field.place,
        pattern=_pattern(bounds),
    )
    field.ignore("placeholder")
    if bounds is not field:
        bounds.done()
    field.done()
    return _checked(setting, default.place, field)


def _default(key: str, field: Table, defaults: Table | None) -> _Default:
    """Return the default of a field, which may be written at two places."""
    own = _Default(_plain(field, "default"), field.place.at("default"))
    if defaults is None or key not in defaults:
        return own
    other = _Default(_plain(defaults, key), defaults.place.at(key))
    if own.value is None:
        return other
    if other.value is not None and other.value != own.value:
        field.problems.add(
            "XT0210",
            f"`{shortened(key)}` has two defaults",
            other.place,
            others=[(own.place, "the other one")],
            help="the two must be equal: remove one of them",
        )
    return own


def _plain(table: Table, key: str) -> Any:  # noqa: ANN401 - any JSON value
    """Return a value that everything behind us can take; None otherwise (XT0203)."""
    value = table.value(key)
    waiting = [(value, 0)]
    while waiting:
        item, depth = waiting.pop()
        if depth > _MAX_DEPTH or (isinstance(item, float) and not math.isfinite(item)):
            what = "is nested too deeply" if depth > _MAX_DEPTH else "must be a finite number"
            table.wrong("XT0203", f"`{shortened(key)}` {what}", key, help="write a plain value")
            return None
        inside = item.values() if isinstance(item, dict) else item
        waiting += [(part, depth + 1) for part in inside] if isinstance(item, list | dict) else []
    return value


def _options(field: Table, *, required: bool) -> tuple[Scalar, ...]:
    """Return the values of `options`: each has a label, or is only a value."""
    if required and "options" not in field:
        tip = 'add `"options": [{"label": "…", "value": "…"}]`'
        field.problems.add("XT0202", "a `select` has no `options`", field.place, help=tip)
    written = field.value("options")
    if not isinstance(written, list):
        return field.scalars("options")
    found = []
    for index, option in enumerate(written):
        values = option if isinstance(option, dict) else {"value": option}
        place = field.place.at("options", index)
        item = Table(values, place, field.problems, "an entry of `options`")
        item.text("label", default="")
        value = item.scalar("value")
        if "value" not in item:
            message = "an entry of `options` has no `value`"
            field.problems.add("XT0202", message, place, help='add `"value": …`')
        item.done()
        found += [value] if value is not None else []
    return tuple(found)


def _type(written: str, default: object, options: tuple[Scalar, ...], field: Table) -> str:
    """Return the type of the normal form: of a choice its options', of JSON its default's."""
    if written == "json":
        return _OF_JSON.get(type(default), "object")
    if written == "select":
        types = {_OF_JSON[type(option)] for option in options}
        if len(types) > 1:
            message = "the `options` have values of several types"
            field.wrong("XT0203", message, "options", help="write all as strings, or as numbers")
        return min(types, default="string")
    return "string" if written not in _TYPES or written == "password" else written


def _number(table: Table, key: str) -> float | None:
    value = table.scalar(key)
    if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
        return value
    message = f"`{key}` must be a number"
    table.wrong("XT0203", message, key, help="write it without quotes")
    return None


def _pattern(bounds: Table) -> str:
    """Return the pattern as one of whole strings; JavaScript's may match anywhere in them."""
    written = bounds.text("pattern", default="")
    reason = _refused(written)
    if reason:
        message = f"`{shortened(written)}` is not a pattern: {reason}"
        tip = "write a regular expression that Python and JavaScript both have"
        bounds.wrong("XT0205", message, "pattern", help=tip)
        return ""
    is_whole = re.fullmatch(r"\^[^|]*(?<!\\)\$", written)
    return written if is_whole or not written else rf"[\s\S]*(?:{written})[\s\S]*"


def _refused(pattern: str) -> str | None:
    """Return why a text is not a pattern here."""
    if len(pattern) > _MAX_PATTERN:
        return f"it has more than {_MAX_PATTERN} characters"
    if re.search(r"\(\?[a-zA-Z-]+[:)]|\\N", pattern):  # some of them cost seconds
        return "it has flags or names of characters"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # `[[a]` is a set here too, as long as it is one
            re.compile(_SLOW.sub("\xff", pattern))
    except (re.error, RecursionError, OverflowError) as error:
        return str(error)
    return None


def _checked(setting: Setting, place: Place, field: Table) -> Setting:
    """Return the setting without a default that nobody may have or that does not fit."""
    key, default = shortened(setting.key), setting.default
    if setting.secret and default is not None and default != "":
        message = f"`{key}` is a secret and may not have a default"
        tip = "give it to the running product as an environment variable"
    elif default is not None and not setting.secret and (reason := _misfit(setting, default)):
        message, tip = f"the default of `{key}` {reason}", "change it, or what it must be"
    else:
        return setting._replace(default=None if setting.secret else default)
    field.problems.add("XT0210", message, place, help=tip)
    return setting._replace(default=None)


def _misfit(setting: Setting, value: Any) -> str | None:  # noqa: ANN401 - any JSON value
    """Return why a value is not one of the setting, as the end of a sentence."""
    kind = {"array": list, "object": dict}.get(setting.type)
    if kind or isinstance(value, list | dict):
        is_one = kind is not None and isinstance(value, kind)
        article = "an" if setting.type[0] in "aeiou" else "a"
        return None if is_one else f"must be {article} {setting.type}"
    if reason := misfit(setting, value):
        return reason
    if isinstance(value, str) and setting.pattern and _is_quick(setting.pattern, value):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return None if re.fullmatch(setting.pattern, value) else "does not follow its `pattern`"
    return None


def _is_quick(pattern: str, text: str) -> bool:
    """Return whether there are few ways to match: no group is repeated, few characters are."""
    if re.search(r"\)[*+{]", pattern) or _SLOW.search(pattern):
        return False
    repeated = len(re.findall(r"[*+{]", pattern))
    choices = len(re.findall(r"[?|]", pattern))
    ways: int = (len(text) + 1) ** repeated << choices
    return ways <= _MAX_WAYS
