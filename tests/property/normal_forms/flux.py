"""Modules as Flux can describe them, and `module.json` of one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from tests.property.normal_forms import parts
from tests.property.normal_forms.folder import files_of
from tests.property.normal_forms.parts import NOWHERE, few, maybe
from xtask.manifest.module import (
    DatabaseTable,
    EntryPoint,
    Hook,
    Module,
    Navigation,
    Permission,
    Route,
    Router,
    Stated,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

FILENAME = "module.json"
EVENTS = st.sampled_from(["after_module_enable", "after_module_disable"]) | parts.SNAKE.map(
    "on_{}".format
)


@st.composite
def modules(draw: st.DrawFn) -> Module:
    name = draw(parts.SNAKE)
    package, prefix = f"modules.{name}", f"/api/modules/{name}"
    has_api = draw(st.booleans())
    links = draw(_links(name))
    entry = draw(st.sampled_from(["", "pages/Main.tsx", "index.js"])) if links else ""
    hooks = few(st.tuples(EVENTS, parts.targets(package, parts.SNAKE)), lambda item: item[0])
    steps = draw(parts.migrations("migrations"))
    owned = f"{draw(st.sampled_from(['', '620600_']))}{name}_"
    return Module(
        name=name,
        version=draw(parts.VERSIONS),
        description=draw(parts.PROSE),
        license=draw(parts.TITLES),
        package=package,
        dialect="flux",
        place=NOWHERE,
        distribution=f"modules-{name}".replace("_", "-"),
        **parts.IN_FOLDER,
        requires=draw(parts.requirements(parts.RANGES | st.just(""))),
        app_range=Stated(f">={draw(parts.VERSIONS)}", NOWHERE),
        routers=(Router(prefix, EntryPoint(f"{package}.routes", "router"), NOWHERE),) * has_api,
        operations=draw(parts.operations(prefix)) if has_api else (),
        routes=tuple(_route(name, link, entry) for link in links if entry),
        navigation=links,
        permissions=draw(_permissions),
        hooks=tuple(Hook(event, target, 100, NOWHERE) for event, target in draw(hooks)),
        migrations=steps,
        tables=tuple(DatabaseTable(f"{owned}t{n}", NOWHERE) for n, _ in enumerate(steps)),
        table_prefix=Stated(owned, NOWHERE),
        assets="frontend" if entry else None,
        runtime_folders=("data",),
    )


_permissions = few(
    st.builds(Permission, parts.PERMISSIONS, parts.PROSE, st.just(NOWHERE)), lambda item: item.name
)


@st.composite
def _links(draw: st.DrawFn, module: str) -> tuple[Navigation, ...]:
    return tuple(
        Navigation(
            label=draw(parts.PROSE), route="", order=100, permission=draw(maybe(parts.PERMISSIONS)),
            place=NOWHERE, path=path, icon=draw(parts.PROSE),
            menu=draw(st.sampled_from(["main", "admin", "settings"])),
        )
        for path in draw(parts.paths(module))
    )  # fmt: skip


def _route(module: str, link: Navigation, entry: str) -> Route:
    needs = (link.permission,) if link.permission else ()
    name = parts.page_name(module, link.path)
    return Route(name, link.path, entry, link.label, NOWHERE, needs)


def manifest(module: Module, *, terse: bool) -> dict[str, Any]:
    front_end = (
        {"enabled": True, "entry": f"frontend/{module.routes[0].entry}"} if module.routes else None
    )
    values = {
        "name": module.name,
        "display_name": "Anything",
        "author": "",
        "version": module.version,
        "description": module.description,
        "license": module.license,
        "min_app_version": module.app_range.text.removeprefix(">="),
        "hooks": {hook.event: _below(module, hook.target) for hook in module.hooks},
        "permissions": [_permission(item, terse=terse) for item in module.permissions],
        "navigation": [_link(link, terse=terse) for link in module.navigation],
        "dependencies": [
            item.module
            if terse and not item.range
            else {"name": item.module, "version": item.range}
            for item in module.requires
        ],
        "frontend": front_end,
        "table_prefix": module.table_prefix.text.removesuffix("_"),
    }
    defaults = {"hooks": {}, "permissions": [], "navigation": [], "dependencies": []}
    return parts.spelled(
        values, {**defaults, "frontend": None, "table_prefix": module.name}, terse=terse
    )


def files(module: Module) -> dict[str, str]:
    return files_of(module)


def _below(module: Module, target: EntryPoint) -> str:
    return f"{target.module.removeprefix(f'{module.package}.')}:{target.attribute}"


def _permission(item: Permission, *, terse: bool) -> Mapping[str, Any]:
    resource, action = item.name.split(":")
    if terse:
        return {"name": item.name, "display_name": item.description}
    values = {"name": item.name, "display_name": "Shown", "description": item.description}
    return {**values, "resource": resource, "action": action}


def _link(link: Navigation, *, terse: bool) -> Mapping[str, Any]:
    values = {
        "menu": link.menu,
        "title": link.label,
        "path": link.path if terse else link.path.replace(":id", "{id}") + "/",
        "icon": link.icon,
        "required_permission": link.permission,
    }
    return parts.spelled(
        values, {"menu": "main", "icon": "", "required_permission": None}, terse=terse
    )
