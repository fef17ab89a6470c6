"""The settings of a capability module: fields with a type, bounds and a default.

Both formats have them under `config`; the flat one has `settings` and fields of each job too, and
writes the bounds beside the type instead of under `validation`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from xtask.manifest import setting
from xtask.manifest.grammar import Grammar
from xtask.manifest.module import Setting
from xtask.manifest.pattern import PatternError, anywhere
from xtask.manifest.table import Table, shortened

if TYPE_CHECKING:
    from xtask.diagnostics import Place
    from xtask.manifest.table import Scalar

_TYPES = ("string", "number", "boolean", "array", "object", "password", "select", "json")
_OF_JSON = {bool: "boolean", int: "number", float: "number", str: "string", list: "array"}
_KEY = Grammar(
    r"[A-Za-z][A-Za-z0-9]*(_[A-Za-z0-9]+)*",
    "a name of a setting",
    "letters, digits, and single `_` between them, such as `syncInterval`",
)
# Each is a foreign regular expression to read, and maybe one to try a default with.
_MAX_PATTERNS = 64


class _Default(NamedTuple):
    """A default, None when there is none, and where it is written."""

    value: Any
    place: Place


def read_settings(table: Table, patterns: list[str]) -> tuple[Setting, ...]:
    """Return the fields under `settings` and `config`, defaults checked (XT0210), by key.

    Args:
        table: the manifest.
        patterns: those of the module so far; those of the fields are added.
    """
    config = table.table("config")
    defaults, own = config.table("defaults"), config.table("schema")
    found: dict[str, Setting] = {}
    for key, field in (*own.items(), *table.table("settings").items()):
        if key in found:
            message = f"`{shortened(key)}` is a setting twice"
            tip = "remove it from `config.schema` or from `settings`"
            field.problems.add("XT0205", message, field.place, help=tip)
        found[key] = read_field(key, field, patterns, defaults)
    config.done()
    for key in defaults.keys():  # noqa: SIM118 - not a dict
        if key not in found:
            message = f"`{shortened(key)}` has a default and is no setting"
            place = defaults.place.at(key, part="key")
            defaults.problems.add("XT0204", message, place, help="describe it in `config.schema`")
    return tuple(found[key] for key in sorted(found))


def read_field(
    key: str, field: Table, patterns: list[str], defaults: Table | None = None
) -> Setting:
    """Return one field as a setting.

    Args:
        key: the setting's name.
        field: its description.
        patterns: those of the module so far; the field's is added.
        defaults: `config.defaults`, which has to agree with the field's own default.
    """
    if not _KEY.matches(key):
        message = f"`{shortened(key)}` is not {_KEY.meaning}"
        field.problems.add("XT0205", message, field.place, help=_KEY.rule)
    written = field.choice("type", _TYPES)
    bounds = field.table("validation") if "validation" in field else field
    default = _default(key, field, defaults)
    chosen = _options(field, required=written == "select")
    kind = _type(written, default.value, chosen, field)
    setting.require_options(field, "options", kind, chosen)
    minimum, maximum = setting.read_bounds(bounds, "min", "max", kind)
    label = field.text("label", default="")
    is_sensitive = field.boolean("sensitive")
    found = Setting(
        key=key,
        type=kind,
        default=default.value if written in _TYPES else None,
        required=field.boolean("required"),
        description=field.text("description", default=label),
        minimum=minimum,
        maximum=maximum,
        options=(*chosen, *setting.read_options(bounds, "enum", kind)),
        secret=written == "password" or is_sensitive,
        place=field.place,
        pattern=_pattern(bounds, kind, patterns),
    )
    field.ignore("placeholder")
    if bounds is not field:
        bounds.done()
    field.done()
    if found.secret and found.default == "":  # how a form has none
        return found._replace(default=None)
    return setting.with_fitting_default(found, field, default.place)


def _default(key: str, field: Table, defaults: Table | None) -> _Default:
    """Return the default of a field, which may be written at two places."""
    own = _Default(field.plain("default"), field.place.at("default"))
    if defaults is None or key not in defaults:
        return own
    other = _Default(defaults.plain(key), defaults.place.at(key))
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
            return ""
        return min(types, default="string")
    return "string" if written == "password" else written if written in _TYPES else ""


def _pattern(bounds: Table, kind: str, patterns: list[str]) -> str:
    """Return the pattern as one of whole strings."""
    written = bounds.text("pattern", default="")
    if kind and kind != "string":
        setting.require_meaning(bounds, "pattern", kind)
        return ""
    if not written or len(patterns) > _MAX_PATTERNS:
        return ""
    patterns.append(written)
    if len(patterns) > _MAX_PATTERNS:
        message = f"the module has more than {_MAX_PATTERNS} patterns"
        tip = "check such values in the code of the module"
        bounds.wrong("XT0205", message, "pattern", help=tip)
        return ""
    try:
        return anywhere(written)  # as JavaScript's do
    except PatternError as error:
        message = f"`{shortened(written)}` is not a pattern: it {error}"
        tip = "write one for Python and JavaScript, without flags, look-around and references"
        bounds.wrong("XT0205", message, "pattern", help=tip)
        return ""
