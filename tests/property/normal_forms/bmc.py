"""Modules as the BMC Hub can describe them, and `module.json` of one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from tests.property.normal_forms import parts
from tests.property.normal_forms.folder import files_of
from tests.property.normal_forms.parts import NOWHERE, few
from xtask.manifest.module import (
    DatabaseTable,
    EntryPoint,
    Module,
    Operation,
    Permission,
    Router,
    Setting,
    Stated,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

FILENAME = "module.json"
SWITCHES = {
    "dry_run": "Say what would be changed elsewhere, and do not change it",
    "read_only": "Change nothing that is stored",
}
TYPES = {bool: "boolean", int: "integer", float: "number", str: "string"}


@st.composite
def modules(draw: st.DrawFn) -> Module:
    name = draw(parts.NAMES)
    package = f"app.modules.{name.replace('-', '_')}"
    api, pages = f"/api/v1/{name}", draw(st.sampled_from([f"/{name}", "/shown"]))
    routers = [Router(api, EntryPoint(f"{package}.backend.router", "router"), NOWHERE)]
    operations = [Operation("GET", f"{api}/health", NOWHERE), *draw(parts.operations(api))]
    if draw(st.booleans()):
        routers.append(Router(pages, EntryPoint(f"{package}.frontend.views", "router"), NOWHERE))
        operations += draw(parts.operations(pages))
    steps = draw(parts.migrations("migrations"))
    owned = draw(st.sampled_from([f"{name.replace('-', '_')}_", "own_"]))
    return Module(
        name=name,
        version=draw(parts.VERSIONS),
        description=draw(parts.PROSE),
        license=draw(parts.PROSE) or None,
        package=package,
        dialect="bmc",
        place=NOWHERE,
        distribution=f"modules-{name}".replace("_", "-"),
        **parts.IN_FOLDER,
        requires=draw(parts.requirements(parts.RANGES | st.just(""))),
        disabled=draw(parts.maybe(parts.stated(st.just("`enabled` is false")))),
        routers=tuple(routers),
        operations=tuple(operations),
        permissions=draw(_permissions),
        settings=draw(_settings()),
        migrations=steps,
        tables=tuple(DatabaseTable(f"{owned}t{n}", NOWHERE) for n, _ in enumerate(steps)),
        table_prefix=Stated(owned, NOWHERE),
        health=f"{api}/health",
    )


_permissions = few(
    st.builds(Permission, parts.PERMISSIONS | parts.SNAKE, st.just(""), st.just(NOWHERE)),
    lambda item: item.name,
)


@st.composite
def _settings(draw: st.DrawFn) -> tuple[Setting, ...]:
    values: dict[str, Any] = dict.fromkeys(SWITCHES, True)
    own = st.one_of(*parts.SCALARS.values())
    values |= draw(st.dictionaries(parts.SNAKE, own, max_size=parts.FEW))
    return tuple(
        Setting(
            key=key, type=TYPES[type(value)], default=value, required=False,
            description=SWITCHES.get(key, ""), minimum=None, maximum=None, options=(),
            secret=False, place=NOWHERE,
        )
        for key, value in values.items()
    )  # fmt: skip


def manifest(module: Module, *, terse: bool) -> dict[str, Any]:
    has_pages = len(module.routers) > 1
    named = any(item.range for item in module.requires)
    ranges: object = {item.module: item.range for item in module.requires}
    if terse and not named:
        ranges = [item.module for item in module.requires]
    elif terse:
        ranges = [{"name": item.module, "version": item.range} for item in module.requires]
    values = {
        "name": module.name,
        "version": module.version,
        "description": module.description,
        "author": "",
        "license": module.license,
        "enabled": module.disabled is None,
        "dependencies": ranges,
        "api_prefix": f"/api/v1/{module.name}",
        "routes_prefix": module.routers[-1].prefix if has_pages else None,
        "permissions": [item.name for item in module.permissions],
        "config": _config(module, terse=terse),
        "table_prefix": module.table_prefix.text,
    }
    defaults = {
        "name": module.name,  # the folder's
        "version": "0.0.0",
        "description": "",
        "license": None,
        "dependencies": [],
        "api_prefix": f"/api/v1/{module.name}",
        "routes_prefix": f"/{module.name}" if has_pages else None,
        "permissions": [],
        "config": {},
        "table_prefix": f"{module.name.replace('-', '_')}_",
    }
    return parts.spelled(values, defaults, terse=terse)


def files(module: Module) -> dict[str, str]:
    pages = {"templates/index.html": "<h1>{{ title }}</h1>\n"} if len(module.routers) > 1 else {}
    return files_of(module) | pages


def _config(module: Module, *, terse: bool) -> Mapping[str, Any]:
    values = {item.key: item.default for item in module.settings if item.key not in SWITCHES}
    return values if terse else {**values, "safety_switches": dict.fromkeys(SWITCHES, True)}
