"""Typed settings: what a module declares, and whether a value fits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xtask.manifest.module import Setting

if TYPE_CHECKING:
    from xtask.manifest.table import Scalar, Table

SETTING_TYPES: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
}


def read_setting(key: str, table: Table) -> Setting:
    """Return one typed setting, its default checked (XT0210)."""
    setting = Setting(
        key=key,
        type=table.choice("type", tuple(SETTING_TYPES)),
        default=table.scalar("default"),
        required=table.boolean("required"),
        description=table.text("description", default=""),
        minimum=_number(table, "minimum"),
        maximum=_number(table, "maximum"),
        options=table.scalars("options"),
        secret=table.boolean("secret"),
        place=table.place,
    )
    table.done()
    if setting.default is not None and (wrong := misfit(setting, setting.default)):
        message = f"the default of `{key}` {wrong}"
        table.wrong("XT0210", message, "default", help="change the default, or what it must be")
    if setting.secret and setting.default is not None:
        table.wrong(
            "XT0210",
            f"`{key}` is a secret and may not have a default",
            "default",
            help="give it to the running product as an environment variable",
        )
    return setting


def _number(table: Table, key: str) -> float | None:
    value = table.scalar(key)
    if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
        return value
    message = f"`{key}` must be a number"
    table.wrong("XT0203", message, key, help="write a number, without quotes")
    return None


def misfit(setting: Setting, value: Scalar) -> str | None:
    """Return why a value is not one of the setting, as the end of a sentence, or None."""
    kind = SETTING_TYPES.get(setting.type)
    if kind is None:
        return None
    if not isinstance(value, kind) or isinstance(value, bool) != (setting.type == "boolean"):
        article = "an" if setting.type == "integer" else "a"
        return f"must be {article} {setting.type}"
    if setting.options and value not in setting.options:
        return f"must be one of {', '.join(map(str, setting.options))}"
    if isinstance(value, int | float) and not isinstance(value, bool):
        if setting.minimum is not None and value < setting.minimum:
            return f"must be at least {setting.minimum}"
        if setting.maximum is not None and value > setting.maximum:
            return f"must be at most {setting.maximum}"
    return None
