"""What modules refer to by name in each other: routes, permissions and events."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from xtask.diagnostics import did_you_mean
from xtask.manifest.table import shortened

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from xtask.diagnostics import Place, Problems
    from xtask.manifest.module import Endpoint, Module, Navigation, Route

# What the host publishes itself: the steps in the life of a module of Flux and of FastVue.
_LIFE = frozenset(
    {"after_module_enable", "after_module_disable"}
    | {"pre_init", "post_init", "post_load", "uninstall"}
)
# What Flux calls the permission of a link.
_KEY_OF_FLUX = "required_permission"
_NO_WORD = re.compile(r"[^a-z0-9]+")


def check_references(modules: Sequence[Module], problems: Problems) -> None:
    """Note links to routes, and permissions, that nobody brings (XT0307), and unheard-of events.

    The last are warnings (XT0312): the application may publish them itself.
    """
    names = {route.name: route for module in modules for route in module.routes}
    paths = {route.path: route for module in modules for route in module.routes}
    for module in modules:
        for link in module.navigation:
            if link.route:
                _check_link(link, "route", names, problems)
            elif link.path:
                _check_link(link, "path", paths, problems)
    permissions = {right.name for module in modules for right in module.permissions}
    for module in modules:
        _check_permissions(module, permissions, problems)
    _check_events(modules, problems)


def _check_link(link: Navigation, key: str, known: Mapping[str, Route], problems: Problems) -> None:
    """Note a link to what is not a route, or to one whose parameters it cannot know."""
    wanted = link.route or link.path
    route = known.get(wanted)
    if route is None:
        message = f"navigation leads to `{shortened(wanted)}`, which is not a route"
        is_ours = key == "route"
        tip = "name a route of `[[frontend.routes]]`" if is_ours else "write the path of a page"
        near = did_you_mean(wanted, known) or tip
        problems.add("XT0307", message, link.place.at(key), help=near)
    elif route.parameters and not link.hidden:
        message = f"navigation cannot lead to `{route.path}`: it has parameters"
        problems.add(
            "XT0307",
            message,
            link.place.at(key),
            others=[(route.place.at("path"), "a link cannot know what to put here")],
            help="lead to a route without parameters, such as the list of these",
        )


def _check_permissions(module: Module, declared: set[str], problems: Problems) -> None:
    """Note each permission that a module asks for and nobody declares, with all that ask."""
    asked: dict[str, dict[Place, str]] = {}
    for part, key, name in _asked(module):
        if name not in declared:
            asked.setdefault(name, {}).setdefault(part, key)
    for name, parts in asked.items():
        first, *others = [_asking(part, key) for part, key in parts.items()]
        notation = "`[permissions]`" if "=" in first.source.pair else "`permissions`"
        problems.add(
            "XT0307",
            f"nobody declares the permission `{shortened(name)}`",
            first,
            others=[(place, "asked for here too") for place in others],
            help=did_you_mean(name, declared) or f"declare it in {notation}",
        )


def _asked(module: Module) -> Iterator[tuple[Place, str, str]]:
    """Yield each part that asks for a permission, the key that says so, and the permission."""
    for link in module.navigation:
        if link.permission:
            yield link.place, "permission", link.permission
    parts: tuple[Route | Endpoint, ...] = (*module.routes, *module.endpoints)
    for part in parts:
        for name in part.permissions:
            yield part.place, "permissions", name


def _asking(part: Place, key: str) -> Place:
    """Return where a part asks for its permission."""
    place = part.at(_KEY_OF_FLUX)
    return place if place.span() != part.span() else part.at(key)


def _check_events(modules: Sequence[Module], problems: Problems) -> None:
    """Note hooks on events that nobody publishes, as far as modules say what they publish.

    A native module does not, so its events, which begin with its name, are never doubted.
    """
    published = {event.name for module in modules for event in module.emits}
    of_flux = set(map(_named_by_flux, published))
    silent = {module.name.replace("_", "-") for module in modules if not module.emits}
    owned = tuple(f"{_named_by_flux(name)}_" for name in sorted(silent))
    for module in modules:
        if not published and module.dialect != "capability":
            continue
        for hook in module.hooks:
            owner = hook.event.split(".", maxsplit=1)[0].replace("_", "-")
            is_owned = owner in silent or hook.event.startswith(owned)
            if hook.event not in published | of_flux | _LIFE and not is_owned:
                near = of_flux if hook.event.startswith("on_") else published
                problems.warn(
                    "XT0312",
                    f"no module says that it publishes `{shortened(hook.event)}`",
                    hook.place.at("event"),
                    help=did_you_mean(hook.event, near)
                    or "it is called only if the application publishes the event itself",
                )


def _named_by_flux(event: str) -> str:
    """Return what a hook of Flux is called that hears an event: `on_vm_created`."""
    return f"on_{_NO_WORD.sub('_', event.lower())}"
