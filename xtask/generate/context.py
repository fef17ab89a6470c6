"""What templates see: the facts with a mark for each part, and the functions that load code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xtask.generate.names import Safe, identifier, signature

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from xtask.diagnostics import KeyPath

_LISTS = ("routers", "apps", "endpoints", "routes", "navigation", "jobs", "hooks")
_LOADED = ("routers", "apps", "endpoints", "jobs", "hooks")


def context(known: Mapping[str, Any], mark: Callable[[KeyPath], Safe]) -> dict[str, Any]:
    """Return what templates see of the facts.

    Args:
        known: the facts.
        mark: what a template prints at the first line of a part, given the part's path in them.
    """
    modules = [_module(module, number, mark) for number, module in enumerate(known["modules"])]
    routes = [
        route | {"owner": module["name"], "specifier": _specifier(module, route)}
        for module in modules
        for route in module["routes"]
    ]
    host = next((module for module in modules if module["host"]), {"host": ":"})
    return {
        "app": known["app"],
        "app_mark": mark(("app",)),
        "modules": modules,
        "loaders": _loaders(modules),
        "routes": sorted(routes, key=lambda route: str(route["name"])),
        "host": host["host"],
        "host_function": host["host"].split(":")[1],
        "migrate": host.get("migrate", ""),
        "migrate_function": host.get("migrate", "").rpartition(":")[2],
    }


def _specifier(module: dict[str, Any], route: dict[str, Any]) -> str:
    return f"@modules/{module['name']}/{route['entry']}"


def _module(
    module: Mapping[str, Any], number: int, mark: Callable[[KeyPath], Safe]
) -> dict[str, Any]:
    """Return a module whose parts all are lists, and carry marks."""
    path: KeyPath = ("modules", number)
    lists = {
        kind: [
            part | {"mark": mark((*path, kind, index))} for index, part in enumerate(module[kind])
        ]
        for kind in _LISTS
    }
    permissions = [
        {"name": name, "description": text, "mark": mark((*path, "permissions", name))}
        for name, text in module["permissions"].items()
    ]
    settings = [
        setting | {"key": key, "mark": mark((*path, "settings", key))}
        for key, setting in module["settings"].items()
    ]
    marks = {key: mark((*path, key)) for key in module}
    return {**module, **lists, "permissions": permissions, "settings": settings, "marks": marks}


def _loaders(modules: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Give each part the function that loads it, and return those functions, sorted by name."""
    found: dict[tuple[str, bool], dict[str, Any]] = {}
    names: set[str] = set()
    parts = [part for module in modules for kind in _LOADED for part in module[kind]]
    for part in sorted(parts, key=_loaded):
        if _loaded(part) not in found:
            found[_loaded(part)] = _loader(part, names)
        part["load"] = found[_loaded(part)]["function"]
        names.add(part["load"])
    return sorted(found.values(), key=lambda loader: str(loader["function"]))


def _loaded(part: dict[str, Any]) -> tuple[str, bool]:
    return part["target"], part.get("factory", False)


def _loader(part: dict[str, Any], taken: set[str]) -> dict[str, Any]:
    target, factory = _loaded(part)
    attribute = target.split(":")[1]
    name = f"load_{target}" + ("_app" if factory else "")
    while identifier(name) in taken:  # `a_b:c` and `a.b:c` may flatten to one name
        name += "_"
    return {
        "function": identifier(name),
        "signature": signature(identifier(name)),
        "target": target,
        "attribute": attribute,
        "call": Safe("()" if factory else ""),
        "mark": part["mark"],
    }
