"""What each module is set to: defaults, then `modules.toml`, then the environment."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from server.registry import Module, Value

    Settings = Mapping[str, Mapping[str, Value]]

_FLAGS = {"true": True, "1": True, "false": False, "0": False}


class SettingsError(Exception):
    """The environment does not fit the declared settings; `problems` says where and why."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


def variable_name(module: str, key: str) -> str:
    """Return the environment variable that overrides a setting: `MODULES__CONTENT__PAGE_SIZE`."""
    return f"MODULES__{module}__{key}".replace("-", "_").upper()


def read_settings(modules: Sequence[Module], environ: Mapping[str, str]) -> Settings:
    """Return the typed settings of every module.

    A setting without a default that nothing sets is absent. Values are never part of an error,
    since they may be secret.

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


def _values(
    module: Module, environ: Mapping[str, str], problems: list[str]
) -> Iterator[tuple[str, Value]]:
    for setting in module.settings:
        variable = variable_name(module.name, setting.key)
        value = module.values.get(setting.key, setting.default)
        if variable in environ:
            try:
                value = _PARSERS[setting.type](environ[variable])
            except (KeyError, ValueError):
                problems.append(f"{variable} must be of type {setting.type}")
                continue
        if value is not None:
            yield setting.key, value
        elif setting.required:
            problems.append(f"{variable} is required ({setting.type}): {setting.description}")


_PARSERS: Mapping[str, Callable[[str], Value]] = {
    "string": str,
    "integer": int,
    "number": float,
    "boolean": lambda text: _FLAGS[text.lower()],
}
