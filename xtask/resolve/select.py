"""From what was read to the selection: enabled, closed, ordered, free of conflicts."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from xtask.diagnostics import Problems, did_you_mean, listed
from xtask.manifest.setting import misfit
from xtask.manifest.table import shortened
from xtask.resolve import graph
from xtask.resolve.claims import refuse_overlap

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xtask.manifest.composition import Composition, Entry, Value
    from xtask.manifest.module import Module
    from xtask.manifest.table import Scalar


@dataclass(frozen=True, slots=True)
class Selection:
    """The modules of the product in dependency order, and the settings that were given to them."""

    composition: Composition
    modules: tuple[Module, ...]
    values: Mapping[str, Mapping[str, Scalar]]
    needs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def host(self) -> Module | None:
        """The module that the image starts with."""
        return next((module for module in self.modules if module.host), None)


def select(
    composition: Composition, modules: Mapping[str, Module], problems: Problems
) -> Selection:
    """Return the product's modules in order; everything wrong between them goes to `problems`.

    Args:
        composition: what `modules.toml` says.
        modules: what was read for its entries, by name.
        problems: XT0208 and XT03xx go here.
    """
    for entry in composition.entries.values():
        _check_identity(entry, modules.get(entry.name), problems)
    edges = graph.edges_of(composition, modules)
    names = graph.closure(graph.enabled(composition, problems), edges, problems)
    graph.check_ranges(names, edges, modules, problems)
    ordered = graph.order(names, edges, problems)
    chosen = tuple(modules[name] for name in ordered if name in modules)
    refuse_overlap(chosen, problems)
    if len(chosen) == len(ordered):  # what could not be read may bring what a reference names
        _check_references(chosen, problems)
    _check_hosts(chosen, problems)
    return Selection(
        composition=composition,
        modules=chosen,
        values=_values(composition, modules, chosen, problems),
        needs={name: tuple(sorted({edge.module for edge in edges[name]})) for name in ordered},
    )


def _check_identity(entry: Entry, module: Module | None, problems: Problems) -> None:
    if module is None:
        return
    if module.name and module.name != entry.name:
        problems.add(
            "XT0208",
            f"`modules.toml` calls it `{entry.name}`, its manifest `{module.name}`",
            module.place.at("name"),
            others=[(entry.place._replace(part="key"), "composed under this name")],
            help="use the same name in both",
        )
    if module.package in sys.stdlib_module_names or module.package == "generated":
        problems.add(
            "XT0213",
            f"package `{module.package}` would hide a package that every product has",
            module.place.at("package"),
            help='name another package: `package = "…"` in `[module]`',
        )


def _check_references(modules: tuple[Module, ...], problems: Problems) -> None:
    """Note links to routes and permissions that nobody brings (XT0307)."""
    routes = {route.name: route for module in modules for route in module.routes}
    permissions = {right.name for module in modules for right in module.permissions}
    for module in modules:
        for link in module.navigation:
            route = routes.get(link.route)
            if route is None:
                message = f"navigation leads to `{shortened(link.route)}`, which is not a route"
                near = did_you_mean(link.route, routes) or "name a route of `[[frontend.routes]]`"
                problems.add("XT0307", message, link.place.at("route"), help=near)
            elif route.parameters:
                message = f"navigation cannot lead to `{route.path}`: it has parameters"
                problems.add(
                    "XT0307",
                    message,
                    link.place.at("route"),
                    others=[(route.place.at("path"), "a link cannot know what to put here")],
                    help="lead to a route without parameters, such as the list of these",
                )
            if link.permission and link.permission not in permissions:
                message = f"nobody declares the permission `{shortened(link.permission)}`"
                near = did_you_mean(link.permission, permissions) or "declare it in `[permissions]`"
                problems.add("XT0307", message, link.place.at("permission"), help=near)


def _check_hosts(modules: tuple[Module, ...], problems: Problems) -> None:
    hosts = [module for module in modules if module.host]
    if len(hosts) > 1:
        first, *others = [module.place._replace(key=("host",), part="key") for module in hosts]
        problems.add(
            "XT0305",
            f"{listed(module.name for module in hosts)} want to be the host, but a product has one",
            first,
            others=[(place, "this one too") for place in others],
            help="keep one `[host]`: it is what the image starts",
        )


def require_host(selection: Selection, problems: Problems) -> None:
    """Note a product that nothing starts (XT0305)."""
    if selection.host is None:
        problems.add(
            "XT0305",
            "no module is the host, so the image would start nothing",
            selection.composition.place.at("modules", part="key"),
            help='add a module with `[host]` and `main = "package.module:function"`',
        )


def _values(
    composition: Composition,
    modules: Mapping[str, Module],
    chosen: tuple[Module, ...],
    problems: Problems,
) -> dict[str, dict[str, Scalar]]:
    """Return the settings that `modules.toml` gives, checked against what modules declare."""
    found: dict[str, dict[str, Scalar]] = {}
    for name, given in composition.settings.items():
        if module := modules.get(name):
            found[name] = {key: value.value for key, value in sorted(given.items())}
            for key, value in given.items():
                _check_value(module, key, value, problems)
        elif name not in composition.entries:
            place = composition.place.at("settings", "modules", name, part="key")
            near = did_you_mean(name, composition.entries)
            problems.add(
                "XT0306",
                f"there are settings for `{shortened(name)}`, which is not in `[modules]`",
                place,
                help=near or "remove them, or add the module",
            )
    for module in chosen:
        _require_values(module, found.get(module.name, {}), problems)
    return {module.name: found.get(module.name, {}) for module in chosen}


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
            value.place,
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


def _require_values(module: Module, given: Mapping[str, Scalar], problems: Problems) -> None:
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
