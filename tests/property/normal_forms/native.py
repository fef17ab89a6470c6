"""Modules as `module.toml` can describe them, and one of its files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from tests.property.normal_forms import parts
from tests.property.normal_forms.folder import files_of
from tests.property.normal_forms.parts import NOWHERE, few, maybe
from tests.support import workspace
from xtask.manifest.module import (
    App,
    Hook,
    Job,
    Module,
    Navigation,
    Permission,
    Route,
    Router,
)

if TYPE_CHECKING:
    from xtask.manifest.module import Setting

FILENAME = "module.toml"
PREFIXES = parts.joined("/").map("/{}".format) | st.just("/~a/B_c.d-e")


@st.composite
def modules(draw: st.DrawFn) -> Module:
    name = draw(parts.NAMES)
    package = draw(st.just(name.replace("-", "_")) | parts.SNAKE)
    target, owner = parts.targets(package, parts.SNAKE), name.replace("_", "-")
    owned = (parts.KEBAB | parts.joined(".x")).map(f"{owner}.{{}}".format)
    routes = draw(few(_routes(owned), lambda item: item.name))
    nowhere = st.just(NOWHERE)
    routers = draw(few(st.builds(Router, PREFIXES, target, nowhere), lambda item: item[:2]))
    return Module(
        name=name,
        version=draw(parts.VERSIONS),
        description=draw(parts.PROSE),
        license=draw(maybe(parts.PROSE)),
        package=package,
        dialect="native",
        place=NOWHERE,
        distribution=name,
        build_requires=("hatchling",),
        build_back_end="hatchling.build",
        host=draw(maybe(target)),
        requires=draw(parts.requirements(parts.RANGES)),
        routers=routers,
        apps=draw(few(st.builds(App, PREFIXES, target, st.booleans(), nowhere))),
        routes=routes,
        navigation=draw(few(_links(owned))),
        permissions=draw(
            few(st.builds(Permission, owned, parts.PROSE, nowhere), lambda item: item.name)
        ),
        settings=draw(few(parts.setting(parts.SNAKE, parts.SCALARS), lambda item: item.key)),
        jobs=draw(few(st.builds(Job, owned, target, parts.SCHEDULES, nowhere))),
        hooks=draw(few(st.builds(Hook, owned, target, parts.ORDERS, nowhere))),
        migrations=draw(parts.migrations("migrations", ".up")),
        assets="static" if routes else None,
        health=draw(maybe(PREFIXES)),
    )


@st.composite
def _routes(draw: st.DrawFn, names: st.SearchStrategy[str]) -> Route:
    path = draw(st.just("/") | parts.FEATURES)
    return Route(
        draw(names), path, draw(st.sampled_from(["a.js", "b/c.mjs"])), draw(parts.PROSE), NOWHERE
    )


@st.composite
def _links(draw: st.DrawFn, names: st.SearchStrategy[str]) -> Navigation:
    return Navigation(
        draw(parts.PROSE), draw(names), draw(parts.ORDERS), draw(maybe(names)), NOWHERE
    )


def manifest(module: Module, *, terse: bool) -> dict[str, Any]:
    identity = {
        "name": module.name,
        "version": module.version,
        "description": module.description,
        "license": module.license,
        "package": module.package,
    }
    usual = {"description": "", "package": module.name.replace("-", "_")}
    values = {
        "module": parts.spelled(identity, usual, terse=terse),
        "host": {"main": str(module.host)} if module.host else None,
        "requires": {item.module: item.range for item in module.requires},
        "api": {
            "routers": [
                {"prefix": item.prefix, "router": str(item.target)} for item in module.routers
            ],
            "apps": [
                {"prefix": item.prefix, "app": str(item.target), "factory": item.factory}
                for item in module.apps
            ],
        },
        "frontend": {
            "routes": [
                {"name": item.name, "path": item.path, "entry": item.entry, "title": item.title}
                for item in module.routes
            ],
            "navigation": [_link(item, terse=terse) for item in module.navigation],
        },
        "permissions": {item.name: item.description for item in module.permissions},
        "settings": {item.key: _setting(item, terse=terse) for item in module.settings},
        "jobs": [
            {"name": item.name, "run": str(item.target), "schedule": item.schedule}
            for item in module.jobs
        ],
        "hooks": [
            parts.spelled(
                {"event": item.event, "run": str(item.target), "order": item.order},
                {"order": 100},
                terse=terse,
            )
            for item in module.hooks
        ],
        "migrations": {"directory": "migrations"} if module.migrations else None,
        "assets": {"directory": "static"} if module.assets else None,
        "health": {"path": module.health} if module.health else None,
    }
    empty = {"requires": {}, "permissions": {}, "settings": {}, "jobs": [], "hooks": []}
    return parts.spelled(values, empty, terse=terse)


def files(module: Module) -> dict[str, str]:
    project = workspace.project(module.name, version=module.version or "")
    return files_of(module, f"src/{module.package}/") | {"pyproject.toml": project}


def _link(link: Navigation, *, terse: bool) -> dict[str, Any]:
    values = {"label": link.label, "route": link.route, "order": link.order}
    return parts.spelled({**values, "permission": link.permission}, {"order": 100}, terse=terse)


def _setting(item: Setting, *, terse: bool) -> dict[str, Any]:
    values = {
        "type": item.type,
        "default": item.default,
        "required": item.required,
        "description": item.description,
        "minimum": item.minimum,
        "maximum": item.maximum,
        "options": list(item.options),
        "secret": item.secret,
    }
    usual = {"required": False, "description": "", "options": [], "secret": False}
    return parts.spelled(values, usual, terse=terse)
