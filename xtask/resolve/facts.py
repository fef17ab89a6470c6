"""What manifests say of the product, as one JSON value, and the place that each part came from."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any

from xtask.manifest.module import EntryPoint

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from xtask.diagnostics import KeyPath, Place
    from xtask.manifest.module import Module
    from xtask.resolve.select import Selection


def facts(selection: Selection) -> dict[str, Any]:
    """Return what manifests say of the product: all that generated files are made from."""
    composition = selection.composition
    headless = composition.deployment_profile == "headless"
    return {
        "app": composition.app,
        "deployment_profile": composition.deployment_profile,
        "modules": [_module(module, selection, headless=headless) for module in selection.modules],
    }


def environment_name(module: str, key: str) -> str:
    """Return the environment variable that gives a setting to the running product."""
    return f"MODULES__{module}__{key}".upper().replace("-", "_")


def _module(module: Module, selection: Selection, *, headless: bool) -> dict[str, Any]:
    parts = {kind: ordered(module) for kind, ordered in PARTS.items()}
    if headless:
        parts |= dict.fromkeys(_FRONT_END, ())
    settings = {setting.key: setting for setting in parts["settings"]}
    return {
        "name": module.name,
        "version": module.version,
        "description": module.description,
        "license": module.license,
        "dialect": module.dialect,
        "package": module.package,
        "host": str(module.host) if module.host else None,
        **({"migrate": str(module.migrate)} if module.migrate else {}),
        "requires": list(selection.needs[module.name]),
        "overrides": sorted(module.overrides),
        "routers": [_plain(part) for part in parts["routers"]],
        "apps": [_plain(part) for part in parts["apps"]],
        "endpoints": [_plain(part) for part in parts["endpoints"]],
        "routes": [_plain(part) | {"parameters": [*part.parameters]} for part in parts["routes"]],
        "navigation": [_plain(part) for part in parts["navigation"]],
        "permissions": {right.name: right.description for right in parts["permissions"]},
        "settings": {
            key: _plain(setting, "key", *_INSIDE)
            | {"environment": environment_name(module.name, key)}
            for key, setting in settings.items()
        },
        "values": _value(selection.values[module.name]),
        "jobs": [_plain(part) for part in parts["jobs"]],
        "hooks": [_plain(part) for part in parts["hooks"]],
        "emits": [event.name for event in parts["emits"]],
        "migrations": [{"up": step.up, "down": step.down} for step in module.migrations],
        "table_prefix": module.table_prefix.text if module.table_prefix else None,
        "assets": module.assets,
        "front_end_dependencies": {
            package.name: package.range for package in parts["front_end_dependencies"]
        },
        "health": module.health,
    }


def _plain(part: Any, *known: str) -> dict[str, Any]:  # noqa: ANN401 - any part of a module
    """Return what a part says, without its place and what is known of it already."""
    said = part._asdict()
    return {key: _value(said[key]) for key in said if key != "place" and key not in known}


def _value(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """Return a value as JSON has it; the order of a table's keys says nothing."""
    match value:
        case EntryPoint():
            return str(value)
        case tuple() | list():
            return [_value(item) for item in value]
        case dict():
            return {key: _value(item) for key, item in sorted(value.items())}
        case _:
            return value


def _by(kind: str, *keys: str) -> Callable[[Module], Sequence[Any]]:
    """Return what gives a module's parts of one kind, sorted by some of their fields."""
    order, parts_of = attrgetter(*keys), attrgetter(kind)

    def ordered(module: Module) -> Sequence[Any]:
        parts: Sequence[Any] = parts_of(module)
        return sorted(parts, key=order) if len(parts) > 1 else parts

    return ordered


PARTS: dict[str, Callable[[Module], Sequence[Any]]] = {
    "routers": _by("routers", "prefix", "target"),
    "apps": _by("apps", "prefix", "target"),
    "endpoints": _by("endpoints", "path", "method", "target"),
    "routes": _by("routes", "name", "path"),
    "navigation": _by("navigation", "order", "label", "route", "path", "parent"),
    "permissions": _by("permissions", "name"),
    "settings": _by("settings", "key"),
    "jobs": _by("jobs", "name"),
    "hooks": _by("hooks", "event", "order", "target"),
    "emits": _by("emits", "name"),
    "front_end_dependencies": _by("front_end_dependencies", "name"),
}
# What is inside arrays and objects is checked here, and the host takes them as JSON.
_INSIDE = ("keys", "properties", "item")
_FRONT_END = ("routes", "navigation", "front_end_dependencies")


def cause(selection: Selection, path: KeyPath) -> Place:
    """Return the manifest place that a part of the facts came from, by its path in them."""
    composition = selection.composition
    match path:
        case ("modules", number, *rest):
            return _cause(selection, selection.modules[int(number)], tuple(rest) or ("name",))
        case ("deployment_profile",):
            return composition.place.at("build", *path)
        case _:
            return composition.place.at(*path)


def _cause(selection: Selection, module: Module, path: KeyPath) -> Place:
    """Return the place that a part of a module's facts came from, by its path in these."""
    key, rest = str(path[0]), path[1:]
    if key in PARTS and rest:
        place: Place = _part(PARTS[key](module), rest[0]).place
        return place.at(*rest[1:]) if len(rest) > 1 else place
    if key == "values":
        return selection.composition.place.at("settings", "modules", module.name, *rest)
    if key == "requires" and rest:
        return _need(selection, module, selection.needs[module.name][int(rest[0])])
    if module.dialect != "native":
        return module.place.at(key, *rest)
    document = module.place._replace(key=())
    return document.at(*_NATIVE_KEYS.get(key, ("module", key)), *rest)


def _part(parts: Sequence[Any], which: str | int) -> Any:  # noqa: ANN401 - any part of a module
    """Return a part by its number, or by its name, which is its first field."""
    if isinstance(which, int):
        return parts[which]
    return next(part for part in parts if part[0] == which)


def _need(selection: Selection, module: Module, name: str) -> Place:
    """Return where it is written that a module needs another: its manifest, else `depends_on`."""
    for requirement in module.requires:
        if requirement.module == name:
            return requirement.place
    entry = selection.composition.entries[module.name]
    return entry.place.at("depends_on", entry.depends_on.index(name))


_NATIVE_KEYS: dict[str, tuple[str, ...]] = {
    "permissions": ("permissions",),
    "settings": ("settings",),
    "requires": ("requires",),
    "host": ("host", "main"),
    "migrate": ("host", "migrate"),
    "migrations": ("migrations", "directory"),
    "assets": ("assets", "directory"),
    "health": ("health", "path"),
}
