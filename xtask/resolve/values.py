"""Settings that `modules.toml` gives to modules, checked against what these declare."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xtask.diagnostics import did_you_mean, listed
from xtask.manifest.setting import misfit
from xtask.manifest.table import shortened

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xtask.diagnostics import Place, Problems
    from xtask.manifest.composition import Composition
    from xtask.manifest.module import Module
    from xtask.manifest.setting import Value


def chosen_values(
    composition: Composition,
    modules: Mapping[str, Module],
    chosen: tuple[Module, ...],
    problems: Problems,
) -> dict[str, dict[str, Any]]:
    """Return the values of each chosen module; XT0306 and XT0308 for what is wrong with them."""
    found: dict[str, dict[str, Any]] = {}
    place = composition.place.at("settings", "modules")
    _check(composition, composition.settings, place, modules, problems)
    for name, given in composition.settings.items():
        found[name] = {key: value.value for key, value in sorted(given.items())}
    for environment in composition.environments.values():
        place = environment.place.at("settings")
        _check(composition, environment.given.settings, place, modules, problems)
    for module in chosen:
        _require_values(module, found.get(module.name, {}), problems)
    return {module.name: found.get(module.name, {}) for module in chosen}


def _check(
    composition: Composition,
    settings: Mapping[str, Mapping[str, Value]],
    place: Place,
    modules: Mapping[str, Module],
    problems: Problems,
) -> None:
    for name, given in settings.items():
        if module := modules.get(name):
            for key, value in given.items():
                _check_value(module, key, value, problems)
        elif name not in composition.entries:
            near = did_you_mean(name, composition.entries)
            problems.add(
                "XT0306",
                f"there are settings for `{shortened(name)}`, which is not in `[modules]`",
                place.at(name, part="key"),
                help=near or "remove them, or add the module",
            )


def _check_value(module: Module, key: str, value: Value, problems: Problems) -> None:
    settings = {setting.key: setting for setting in module.settings}
    setting = settings.get(key)
    if setting is None:
        problems.add(
            "XT0308",
            f"`{module.name}` has no setting `{shortened(key)}`",
            value.place._replace(part="key"),
            help=did_you_mean(key, settings) or _settings_of(module),
        )
    elif setting.secret:
        problems.add(
            "XT0308",
            f"`{key}` of `{module.name}` is a secret and may not be written here",
            value.place._replace(secret=True),
            others=[(setting.place.at("secret"), "declared secret here")],
            help="give it to the running product as an environment variable",
        )
    elif wrong := misfit(setting, value.value):
        problems.add(
            "XT0308",
            f"`{key}` of `{module.name}` {wrong}",
            value.place,
            others=[(setting.place, "declared here")],
            help="change the value, or what the module declares",
        )


def _settings_of(module: Module) -> str:
    names = listed(sorted(setting.key for setting in module.settings))
    return f"its settings are {names}" if names else "it has no settings"


def _require_values(module: Module, given: Mapping[str, object], problems: Problems) -> None:
    for setting in module.settings:
        missing = setting.required and setting.default is None and setting.key not in given
        if missing and not setting.secret:
            problems.add(
                "XT0308",
                f"`{module.name}` needs a value for `{setting.key}`",
                setting.place,
                "required here",
                help=f"write `{setting.key} = …` under `[settings.modules.{module.name}]`",
            )
