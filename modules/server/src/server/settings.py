"""What each module is set to: defaults, then `modules.toml`, then the environment.

A variable may be a file: `NAME_FILE` is the path of one that holds what `NAME` would.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from server.registry import Module, Setting, Value

    Settings = Mapping[str, Mapping[str, Any]]

_PATIENCE = 2  # seconds that a pattern may take
_COMPARE = """
import json, re, sys
pattern, value = json.load(sys.stdin)
sys.exit(not re.fullmatch(pattern, value, re.ASCII))
"""
_FLAGS = {"true": True, "1": True, "false": False, "0": False}


class SettingsError(Exception):
    """The environment does not fit the declared settings; `problems` says where and why."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


def variable_name(module: str, key: str) -> str:
    """Return the environment variable that overrides a setting: `MODULES__CONTENT__PAGE_SIZE`."""
    return f"MODULES__{module}__{key}".replace("-", "_").upper()


def read_variable(name: str, environ: Mapping[str, str]) -> str | None:
    """Return an environment variable, or what is in the file that `NAME_FILE` names.

    Without the end of the last line: an editor has put it there.

    Raises:
        SettingsError: the file cannot be read, or is no text.
    """
    path = environ.get(f"{name}_FILE")
    if name in environ or path is None:
        return environ.get(name)
    try:
        return Path(path).read_text("utf-8").removesuffix("\n").removesuffix("\r")
    except (OSError, ValueError) as error:
        what = getattr(error, "strerror", None) or "it is no text"
        raise SettingsError((f"{name}_FILE cannot be read: {what}",)) from error


def read_settings(modules: Sequence[Module], environ: Mapping[str, str]) -> Settings:
    """Return the typed settings of every module.

    A setting without a default that nothing sets is absent. Variables of arrays and objects hold
    JSON. Values are never part of an error, since they may be secret.

    Raises:
        SettingsError: with every wrong or missing variable.
    """
    problems: list[str] = []
    settings = {
        module.name: MappingProxyType(dict(_values(module, environ, problems)))
        for module in modules
    }
    if problems:
        raise SettingsError(tuple(problems))
    return MappingProxyType(settings)


def serve_settings(settings: Settings) -> None:
    """Let `module_config` answer with these, which are those of the product of this process."""
    _served.clear()
    _served.update(settings)


def module_config(module: str) -> Mapping[str, Any]:
    """Return the settings of a module, for code that has no unit of work to ask.

    Raises:
        LookupError: no module of the product has this name.
    """
    return _served[module]


# The modules of BMC Hub ask for their settings wherever they are, also while they are imported.
_served: dict[str, Mapping[str, Any]] = {}


def _values(
    module: Module, environ: Mapping[str, str], problems: list[str]
) -> Iterator[tuple[str, Any]]:
    variables = {setting.key: _variable(module, setting) for setting in module.settings}
    for setting in module.settings:
        variable = variables[setting.key]
        value = _plain(module.values.get(setting.key, setting.default))
        try:
            # `key_file` may be a setting of its own.
            is_alone = f"{variable}_FILE" not in variables.values()
            text = read_variable(variable, environ) if is_alone else environ.get(variable)
            if text is not None:
                value = _PARSERS[setting.type](text)
        except SettingsError as error:
            problems += error.problems
            continue
        except (KeyError, ValueError, RecursionError):
            problems.append(f"{variable} must be of type {setting.type}")
            continue
        if text is not None and (wrong := _misfit(setting, value)):
            problems.append(f"{variable} {wrong}")
        if value is not None:
            yield setting.key, value
        elif setting.required:
            problems.append(f"{variable} is required ({setting.type}): {setting.description}")


def _variable(module: Module, setting: Setting) -> str:
    return setting.environment or variable_name(module.name, setting.key)


def _plain(value: Value) -> Any:  # noqa: ANN401 - any JSON value
    """Return a value of the registry as JSON has it, which is how one from the environment is."""
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return value


def _misfit(setting: Setting, value: Any) -> str | None:  # noqa: ANN401 - any JSON value
    """Return why a value is not one of the setting, without the value."""
    if setting.options and value not in [_plain(option) for option in setting.options]:
        return f"must be one of {', '.join(map(str, setting.options))}"
    if setting.pattern and isinstance(value, str):
        matches = _matches(setting.pattern, value)
        if not matches:
            never = f"cannot be compared with {setting.pattern} in {_PATIENCE} seconds"
            return never if matches is None else f"must match {setting.pattern}"
    if isinstance(value, bool | Mapping):
        return None
    size, unit = (len(value), " in size") if isinstance(value, str | list) else (value, "")
    if setting.minimum is not None and size < setting.minimum:
        return f"must be at least {setting.minimum}{unit}"
    if setting.maximum is not None and size > setting.maximum:
        return f"must be at most {setting.maximum}{unit}"
    return None


def _matches(pattern: str, value: str) -> bool | None:
    """Return whether a whole value matches a pattern of a module; None when that takes too long.

    Python's engine tries one way after the other, which may take for ever and cannot be stopped,
    so another process does it.
    """
    argv = [sys.executable, "-I", "-S", "-c", _COMPARE]
    try:
        compared = subprocess.run(
            argv, input=json.dumps([pattern, value]), text=True, timeout=_PATIENCE, check=False
        )
    except subprocess.TimeoutExpired:
        return None
    return compared.returncode == 0


def _number(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("neither endless nor undefined")
    return number


def _json(text: str, kind: type) -> Any:  # noqa: ANN401 - any JSON value
    value = json.loads(text)
    if not isinstance(value, kind):
        raise ValueError(f"not {kind.__name__}")  # noqa: TRY004 - as for text that is no JSON
    return value


_PARSERS: Mapping[str, Callable[[str], Any]] = {
    "string": str,
    "integer": int,
    "number": _number,
    "boolean": lambda text: _FLAGS[text.lower()],
    "array": lambda text: _json(text, list),
    "object": lambda text: _json(text, dict),
}
