"""What manifests say of the product, as one JSON value, and the place that each part came from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from xtask.diagnostics import KeyPath, Place
    from xtask.manifest.module import App, Hook, Job, Module, Navigation, Route, Router, Setting
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


def _module(module: Module, selection: Selection, *, headless: bool) -> dict[str, Any]:
    return {
        "name": module.name,
        "version": module.version,
        "description": module.description,
        "license": module.license,
        "dialect": module.dialect,
        "package": module.package,
        "host": str(module.host) if module.host else None,
        "requires": list(selection.needs[module.name]),
        "routers": [
            {"prefix": part.prefix, "target": str(part.target)} for part in _routers(module)
        ],
        "apps": [
            {"prefix": part.prefix, "target": str(part.target), "factory": part.factory}
            for part in _apps(module)
        ],
        "routes": [] if headless else [_route(route) for route in _routes(module)],
        "navigation": [] if headless else [_link(link) for link in _navigation(module)],
        "permissions": {right.name: right.description for right in module.permissions},
        "settings": {setting.key: _setting(setting) for setting in module.settings},
        "values": dict(selection.values[module.name]),
        "jobs": [
            {"name": job.name, "target": str(job.target), "schedule": job.schedule}
            for job in _jobs(module)
        ],
        "hooks": [
            {"event": hook.event, "target": str(hook.target), "order": hook.order}
            for hook in _hooks(module)
        ],
        "migrations": [{"up": step.up, "down": step.down} for step in module.migrations],
        "assets": module.assets,
        "health": module.health,
    }


def _route(route: Route) -> dict[str, Any]:
    return {
        "name": route.name,
        "path": route.path,
        "entry": route.entry,
        "title": route.title,
        "parameters": list(route.parameters),
    }


def _link(link: Navigation) -> dict[str, Any]:
    return {
        "label": link.label,
        "route": link.route,
        "order": link.order,
        "permission": link.permission,
    }


def _setting(setting: Setting) -> dict[str, Any]:
    return {
        "type": setting.type,
        "default": setting.default,
        "required": setting.required,
        "description": setting.description,
        "minimum": setting.minimum,
        "maximum": setting.maximum,
        "options": list(setting.options),
        "secret": setting.secret,
    }


def _routers(module: Module) -> list[Router]:
    return sorted(module.routers, key=lambda part: (part.prefix, part.target))


def _apps(module: Module) -> list[App]:
    return sorted(module.apps, key=lambda part: (part.prefix, part.target))


def _routes(module: Module) -> list[Route]:
    return sorted(module.routes, key=lambda route: (route.name, route.path))


def _navigation(module: Module) -> list[Navigation]:
    return sorted(module.navigation, key=lambda link: (link.order, link.label, link.route))


def _jobs(module: Module) -> list[Job]:
    return sorted(module.jobs, key=lambda job: job.name)


def _hooks(module: Module) -> list[Hook]:
    return sorted(module.hooks, key=lambda hook: (hook.event, hook.order, hook.target))


_PARTS: dict[str, Callable[[Module], Sequence[Any]]] = {
    "routers": _routers,
    "apps": _apps,
    "routes": _routes,
    "navigation": _navigation,
    "jobs": _jobs,
    "hooks": _hooks,
}


def cause(selection: Selection, path: KeyPath) -> Place:
    """Return the manifest place that a part of the facts came from, by its path in them."""
    composition = selection.composition
    if len(path) < 2 or path[0] != "modules":  # noqa: PLR2004 - ("modules", index, …)
        return composition.place.at(*(("build",) if path == ("deployment_profile",) else ()), *path)
    module = selection.modules[int(path[1])]
    key, rest = (path[2], path[3:]) if len(path) > 2 else ("", ())  # noqa: PLR2004
    if key in _PARTS and rest:
        parts = _PARTS[str(key)](module)
        place: Place = parts[int(rest[0])].place
        return place.at(*rest[1:]) if len(rest) > 1 else place
    if key == "values":
        return composition.place.at("settings", "modules", module.name, *rest)
    if key == "requires" and rest:
        return _need(selection, module, selection.needs[module.name][int(rest[0])])
    document = module.place._replace(key=())
    return document.at(*_DOCUMENT_KEYS.get(str(key), ("module", str(key) or "name")), *rest)


def _need(selection: Selection, module: Module, name: str) -> Place:
    """Return where it is written that a module needs another: its manifest, else `depends_on`."""
    own = [requirement.place for requirement in module.requires if requirement.module == name]
    entry = selection.composition.entries[module.name]
    return own[0] if own else entry.place.at("depends_on", entry.depends_on.index(name))


_DOCUMENT_KEYS: dict[str, tuple[str, ...]] = {
    "permissions": ("permissions",),
    "settings": ("settings",),
    "requires": ("requires",),
    "host": ("host", "main"),
    "migrations": ("migrations", "directory"),
    "assets": ("assets", "directory"),
    "health": ("health", "path"),
}
