"""Modules as the capability platform can describe them, and `manifest.json` in both formats."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from tests.property.normal_forms import parts
from tests.property.normal_forms.folder import files_of
from tests.property.normal_forms.parts import NOWHERE, few, maybe
from xtask.manifest.module import (
    Endpoint,
    EntryPoint,
    Event,
    FrontEndDependency,
    Hook,
    Job,
    Module,
    Navigation,
    Permission,
    Route,
    Router,
)

if TYPE_CHECKING:
    from xtask.manifest.module import Requirement, Setting

FILENAME = "manifest.json"
# As npm has them, and as they are read.
RANGES = {"^1.0": "^1.0", "1.2.3": "=1.2.3", "1.0.0 - 2.0.0": ">=1.0.0 <=2.0.0", "> 1": ">1"}
# As JavaScript has them, which match anywhere in a text, and as they are read.
PATTERNS = {"^[a-z]+$": "^[a-z]+$", "[0-9]": r"[\s\S]*(?:[0-9])[\s\S]*"}
TYPES = {"string", "number", "boolean"}
LINKS = st.tuples(parts.TITLES, parts.ORDERS, parts.PROSE)


@st.composite
def nested(draw: st.DrawFn) -> Module:
    """Draw a module of the first format, which has everything in `capabilities`."""
    name = draw(parts.KEBAB)
    package, prefix = f"modules.{name.replace('-', '_')}", f"/api/v1/modules/{name}"
    target = parts.targets(package, parts.SNAKE)
    routes = draw(_routes(name))
    module = draw(_common(name, package))
    return replace(
        module,
        endpoints=tuple(
            Endpoint(item.method, item.path, draw(target), draw(few(parts.PERMISSIONS)), NOWHERE)
            for item in draw(parts.operations(prefix))
        ),
        routes=routes,
        navigation=draw(_tree([link.path for link in routes])),
        settings=draw(few(_settings(), lambda item: item.key)),
        jobs=draw(_jobs(name, target)),
        hooks=draw(few(st.builds(Hook, parts.joined(":"), target, st.just(100), NOWHERES))),
        emits=draw(few(st.builds(Event, parts.joined("."), NOWHERES))),
        assets="frontend" if routes else None,
    )


@st.composite
def flat(draw: st.DrawFn) -> Module:
    """Draw a module of the second format, whose entry is a router."""
    name = draw(parts.KEBAB)
    package, prefix = f"modules.{name.replace('-', '_')}", f"/api/v1/m/{name}"
    target = parts.targets(package, parts.SNAKE)
    entry = EntryPoint(f"{package}.src.index", "router")
    pages = [item._replace(permissions=()) for item in draw(_routes(name))]
    group = Navigation(
        draw(parts.TITLES), "", draw(parts.ORDERS), None, NOWHERE, icon=draw(parts.PROSE)
    )
    below = [
        Navigation(label, "", order, None, NOWHERE, page.path, group.label, icon=icon)
        for page in pages
        for label, order, icon in [draw(LINKS)]
    ]
    return replace(
        draw(_common(name, package)),
        routers=(Router(prefix, entry, NOWHERE),),
        operations=draw(parts.operations(prefix)),
        routes=tuple(
            page._replace(title=link.label) for page, link in zip(pages, below, strict=True)
        ),
        navigation=(group, *below) if pages else (),
        settings=draw(few(_settings(), lambda item: item.key)),
        jobs=draw(_jobs(name, target)),
        assets="frontend" if pages else None,
    )


NOWHERES = st.just(NOWHERE)


@st.composite
def _common(draw: st.DrawFn, name: str, package: str) -> Module:
    npm = st.builds(FrontEndDependency, parts.KEBAB, st.sampled_from(["^3.0.0", "*"]), NOWHERES)
    granted = st.builds(Permission, parts.PERMISSIONS, st.just(""), NOWHERES)
    return Module(
        name=name,
        version=draw(parts.VERSIONS),
        description=draw(parts.TITLES),
        license=draw(parts.PROSE) or None,
        package=package,
        dialect="capability",
        place=NOWHERE,
        distribution=f"modules-{name}",
        **parts.IN_FOLDER,
        requires=draw(parts.requirements(st.sampled_from([*RANGES.values()]))),
        permissions=draw(few(granted, lambda item: item.name)),
        migrations=draw(parts.migrations("migrations")),
        front_end_dependencies=draw(few(npm, lambda item: item.name)),
        node=draw(maybe(parts.stated(st.sampled_from([">=20", "^20.1 || 22"])))),
    )


@st.composite
def _routes(draw: st.DrawFn, module: str) -> tuple[Route, ...]:
    return tuple(
        Route(
            parts.page_name(module, path), path, draw(st.sampled_from(["A.tsx", "deep/B.jsx"])),
            draw(parts.PROSE), NOWHERE, draw(few(parts.PERMISSIONS)),
        )
        for path in draw(parts.paths(module))
    )  # fmt: skip


@st.composite
def _tree(draw: st.DrawFn, paths: list[str]) -> tuple[Navigation, ...]:
    """Draw links to pages, each below the one before or beside it."""
    found: list[Navigation] = []
    for path in paths:
        label, order, icon = draw(LINKS)
        parent = found[-1].label if found and draw(st.booleans()) else ""
        permission = draw(maybe(parts.PERMISSIONS))
        found.append(
            Navigation(label, "", order, permission, NOWHERE, path, parent=parent, icon=icon)
        )
    return tuple(found)


@st.composite
def _settings(draw: st.DrawFn) -> Setting:
    found = draw(parts.setting(parts.SNAKE, TYPES))
    if found.type == "string" and not found.options and draw(st.booleans()):
        return found._replace(pattern=draw(st.sampled_from([*PATTERNS.values()])), default=None)
    return found


def _jobs(module: str, target: st.SearchStrategy[EntryPoint]) -> st.SearchStrategy[tuple[Job, ...]]:
    times = parts.SCHEDULES | st.just("")
    timeouts = maybe(st.integers(1, 10**6).map(lambda thousandths: thousandths / 1000))
    names = parts.KEBAB.map(f"{module}.{{}}".format)
    job = st.builds(Job, names, target, times, NOWHERES, timeouts, st.integers(0, 100))
    return few(job, lambda item: item.name)


def written_nested(module: Module, *, terse: bool) -> dict[str, Any]:
    prefix = f"/api/v1/modules/{module.name}"
    capabilities = {
        "api": {
            "routes": [
                {
                    "method": item.method,
                    "path": item.path.removeprefix(prefix),
                    "handler": _handler(module, item.target, terse=terse),
                    "permissions": [*item.permissions],
                }
                for item in module.endpoints
            ]
        },
        "jobs": {
            "handlers": [
                {"name": item.name.partition(".")[2], **_job(module, item, terse=terse)}
                for item in module.jobs
            ]
        },
        "events": {
            "listeners": [
                {"event": item.event, "handler": _handler(module, item.target, terse=terse)}
                for item in module.hooks
            ],
            "emitters": [item.name if terse else {"event": item.name} for item in module.emits],
        },
        "ui": {
            "pages": [
                {
                    "path": item.path,
                    "title": item.title,
                    "component": f"{'' if terse else './'}frontend/{item.entry}",
                    "permissions": [*item.permissions],
                }
                for item in module.routes
            ],
            "navigation": _nested_links(module),
        },
    }
    settings = {item.key: _field(item, "validation", terse=terse) for item in module.settings}
    values = _about(module, terse=terse)
    return {
        **values,
        "capabilities": capabilities,
        "config": {"schema": settings},
        "dependencies": {
            "modules": _modules(module.requires),
            "npm": {item.name: item.range for item in module.front_end_dependencies},
            "system": {"node": module.node.text} if module.node else None,
        },
    }


def written_flat(module: Module, *, terse: bool) -> dict[str, Any]:
    sidebar = None
    if module.navigation:
        group, *below = module.navigation
        links = [
            {"label": item.label, "path": item.path, "order": item.order, "icon": item.icon}
            for item in below
        ]
        named = {"label": group.label, "icon": group.icon, "order": group.order}
        sidebar = {**named, "children": links}
    pages = [{"path": item.path, "component": f"frontend/{item.entry}"} for item in module.routes]
    first = pages[0]["component"] if pages else None
    return {
        **_about(module, terse=terse),
        "entry": "src/index.py" if terse else "./src/index.py:router",
        "jobs": {
            item.name.partition(".")[2]: {"name": "Shown", **_job(module, item, terse=terse)}
            for item in module.jobs
        },
        "ui": {"entry": first, "sidebar": sidebar, "routes": pages} if pages else None,
        "settings": {item.key: _field(item, None, terse=terse) for item in module.settings},
        "dependencies": {
            **{item.name: item.range for item in module.front_end_dependencies},
            "modules": _modules(module.requires),
            "system": {"node": module.node.text} if module.node else None,
        },
    }


def files(module: Module) -> dict[str, str]:
    return files_of(module)


def _about(module: Module, *, terse: bool) -> dict[str, Any]:
    values = {
        "name": module.name,
        "version": module.version,
        "displayName": "Anything",
        "description": module.description,
        "author": "Somebody",
        "license": module.license or "",
        "migrations": "./migrations/" if module.migrations else None,
        "permissions": [item.name for item in module.permissions],
    }
    return parts.spelled(values, {"license": "", "permissions": []}, terse=terse)


def _modules(found: tuple[Requirement, ...]) -> dict[str, str]:
    texts = {ours: npm for npm, ours in RANGES.items()}
    return {item.module: texts[item.range] for item in found}


def _handler(module: Module, target: EntryPoint, *, terse: bool) -> str:
    path = target.module.removeprefix(f"{module.package}.").replace(".", "/")
    return f"{'' if terse else './'}{path}.py:{target.attribute}"


def _job(module: Module, item: Job, *, terse: bool) -> dict[str, Any]:
    values = {
        "handler": _handler(module, item.target, terse=terse),
        "schedule": _schedule(item, terse=terse),
        "timeout": None if item.timeout is None else round(item.timeout * 1000),
        "retries": item.retries,
    }
    return parts.spelled(values, {"schedule": None, "timeout": None, "retries": 0}, terse=terse)


def _schedule(item: Job, *, terse: bool) -> str | None:
    """Return a schedule, maybe as Node.js has them: the second of the minute first."""
    return (item.schedule if terse else f"0 {item.schedule}") if item.schedule else None


def _nested_links(module: Module) -> list[dict[str, Any]]:
    """Return the links as trees; a link with a parent is below the one before it."""
    top: list[dict[str, Any]] = []
    before = top
    for item in module.navigation:
        values = {"label": item.label, "path": item.path, "order": item.order, "icon": item.icon}
        link = {**values, "permissions": [item.permission] if item.permission else []}
        below = before[-1].setdefault("children", []) if item.parent else top
        below.append(link)
        before = below
    return top


def _field(item: Setting, bounds: str | None, *, terse: bool) -> dict[str, Any]:
    """Return a setting, whose bounds the first format has in a table of their own."""
    texts = {ours: theirs for theirs, ours in PATTERNS.items()}
    limits = {"min": item.minimum, "max": item.maximum, "enum": [*item.options] or None}
    limits["pattern"] = texts.get(item.pattern)
    kind = "password" if item.secret and item.type == "string" else item.type
    values = {
        "type": kind,
        "default": item.default,
        "required": item.required,
        "label": "Shown" if item.description else "",
        "description": item.description,
        "sensitive": item.secret and kind != "password",
        **({bounds: limits} if bounds else limits),
    }
    usual = {"default": None, "required": False, "label": "", "description": "", "sensitive": False}
    return parts.spelled(values, usual, terse=terse)
