"""Modules as FastVue can describe them, and `__manifest__.py` of one."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.property.normal_forms import parts
from tests.property.normal_forms.folder import files_of
from tests.property.normal_forms.parts import NOWHERE, few
from xtask.manifest.module import (
    Dependency,
    EntryPoint,
    Hook,
    Module,
    Navigation,
    Permission,
    Program,
    Requirement,
    Route,
    Router,
    Stated,
)

FILENAME = "__manifest__.py"
VERSION_ALONE = st.tuples(parts.VERSIONS, st.none())
# Odoo's: the version of the application first.
VERSION_IN_SERIES = st.builds(
    lambda series, *own: (".".join(map(str, own)), f"{series}.0.x"),
    st.integers(8, 19), parts.NUMBER, parts.NUMBER, parts.NUMBER,
)  # fmt: skip
EVENTS = ("pre_init", "post_init", "uninstall", "post_load")
LABELS = parts.joined(" ").map(str.title)


@st.composite
def modules(draw: st.DrawFn) -> Module:
    name = draw(parts.SNAKE)
    package, prefix = f"modules.{name}", f"/api/v1/{name}"
    version, series = draw(VERSION_ALONE | VERSION_IN_SERIES)
    requires = draw(parts.requirements(st.just("")))
    has_api, links = draw(st.booleans()), draw(_links(name))
    hooks = few(st.tuples(st.sampled_from(EVENTS), parts.targets(package, parts.SNAKE)), _first)
    needed = tuple(sorted(item.module for item in requires))
    joins = draw(st.sampled_from([None, needed, needed[:1]]))
    return Module(
        name=name,
        version=version,
        description=draw(LABELS),
        license=draw(parts.PROSE) or None,
        package=package,
        dialect="fastvue",
        place=NOWHERE,
        distribution=f"modules-{name}".replace("_", "-"),
        **parts.IN_FOLDER,
        requires=requires,
        conflicts=draw(parts.requirements(st.just(""))),
        auto_enabled_by=joins,
        disabled=draw(parts.maybe(parts.stated(st.just("`installable` is False")))),
        app_range=Stated(series, NOWHERE) if series else None,
        routers=(Router(prefix, EntryPoint(f"{package}.api.routes", "router"), NOWHERE),) * has_api,
        operations=draw(parts.operations(prefix)) if has_api else (),
        routes=tuple(_route(name, link) for link in links),
        navigation=links,
        permissions=draw(_named(Permission, parts.PERMISSIONS | parts.joined("."), "")),
        hooks=tuple(Hook(event, target, 100, NOWHERE) for event, target in draw(hooks)),
        overrides=tuple(sorted(draw(few(parts.NAMES)))),
        assets="static" if links else None,
        programs=draw(_named(Program, parts.NAMES)),
        dependencies=draw(_named(Dependency, parts.KEBAB.map("{}>=2".format))),
    )


def _first(pair: tuple[object, ...]) -> object:
    return pair[0]


def _named(
    kind: type, names: st.SearchStrategy[str], *rest: str
) -> st.SearchStrategy[tuple[Any, ...]]:
    """Return parts that have a name and a place, each name once."""
    return few(st.builds(kind, names, *map(st.just, rest), st.just(NOWHERE)), _first)


@st.composite
def _links(draw: st.DrawFn, module: str) -> tuple[Navigation, ...]:
    """Draw menus; one may lie in the first."""
    found: list[Navigation] = []
    for path in draw(parts.paths(module)):
        link = Navigation(
            label=draw(LABELS), route="", order=draw(parts.ORDERS),
            permission=draw(parts.maybe(parts.PERMISSIONS)), place=NOWHERE, path=path,
            parent=draw(st.sampled_from(["", "elsewhere", *(item.path for item in found[:1])])),
            icon=draw(parts.PROSE), hidden=":" not in path and draw(st.booleans()),
        )  # fmt: skip
        found.append(link)
    return tuple(found)


def _route(module: str, link: Navigation) -> Route:
    needs = (link.permission,) if link.permission else ()
    name = parts.page_name(module, link.path)
    return Route(name, link.path, f"views/{_view(link)}.vue", link.label, NOWHERE, needs)


def _view(link: Navigation) -> str:
    return f"v{link.path.replace('/', '-').replace(':', '')}"


def manifest(module: Module, *, terse: bool) -> dict[str, Any]:
    values = {
        "name": "Anything",
        "technical_name": module.name,
        "version": _version(module),
        "summary": module.description,
        "author": ["Somebody"],
        "license": module.license or "",
        "application": 1,
        "installable": module.disabled is None,
        "depends": ["base", *_names(module.requires)],
        "excludes": _names(module.conflicts),
        "auto_install": _auto_install(module, terse=terse),
        "external_dependencies": {
            "python": [item.text for item in module.dependencies],
            "bin": [item.name for item in module.programs],
        },
        "api": ["api.routes"] if module.routers else [],
        "menus": [_menu(link, terse=terse) for link in module.navigation],
        "permissions": [item.name for item in module.permissions],
        "overrides": {f"modules.{name}.api.routes": "api.routes" for name in module.overrides},
        "inherits": {},
        **{f"{event}_hook": None for event in EVENTS},
        **{f"{hook.event}_hook": _function(module, hook) for hook in module.hooks},
    }
    defaults = {
        "technical_name": module.name,
        "version": "1.0.0",
        "license": "",
        "installable": True,
        "depends": ["base"],
        "external_dependencies": {"python": [], "bin": []},
        **{key: [] for key in ("excludes", "api", "menus", "permissions")},
        **{key: {} for key in ("overrides", "inherits")},
        **{f"{event}_hook": None for event in EVENTS},
        "auto_install": False,
        "application": 1,
        "author": ["Somebody"],
    }
    return parts.spelled(values, defaults, terse=terse)


def files(module: Module) -> dict[str, str]:
    return files_of(module)


def _names(requirements: tuple[Requirement, ...]) -> list[str]:
    return [item.module for item in requirements]


def _version(module: Module) -> str | None:
    series = module.app_range.text.removesuffix("x") if module.app_range else ""
    return f"{series}{module.version}"


def _auto_install(module: Module, *, terse: bool) -> object:
    """Return True where all that it needs bring the module in, and their names otherwise."""
    names = module.auto_enabled_by
    if names is None or (terse and names == tuple(sorted(_names(module.requires)))):
        return names is not None
    return [*names]


def _function(module: Module, hook: Hook) -> str:
    return f"{hook.target.module.removeprefix(f'{module.package}.')}.{hook.target.attribute}"


def _menu(link: Navigation, *, terse: bool) -> dict[str, Any]:
    values = {
        "name": link.label,
        "path": link.path,
        "viewName": _view(link) if terse else f"{_view(link)}.vue",
        "parent": link.parent,
        "sequence": link.order,
        "icon": link.icon,
        "permission": link.permission,
        "hideInMenu": link.hidden,
        "groups": [],
    }
    defaults = {"parent": "", "sequence": 10, "icon": "", "permission": None, "groups": []}
    return parts.spelled(values, {**defaults, "hideInMenu": False}, terse=terse)
