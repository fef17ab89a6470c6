"""The route map: which page of which module answers which path, and the navigation."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from server.registry import Module

_PARAMETER = re.compile(r":([A-Za-z_][A-Za-z0-9_]*)")


@dataclass(frozen=True, slots=True)
class Route:
    """A page; `entry` is the URL of a native ES module that exports `render`."""

    name: str
    path: str
    module: str
    title: str
    entry: str
    params: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NavigationItem:
    """A link of the navigation; shown to whoever has `permission`."""

    label: str
    route: str
    path: str
    order: int
    module: str
    permission: str | None


@dataclass(frozen=True, slots=True)
class RouteMap:
    """What the browser reads once; the same document as the generated `routes.json`."""

    schema: int
    routes: tuple[Route, ...]
    navigation: tuple[NavigationItem, ...]


def route_map(modules: Sequence[Module]) -> RouteMap:
    """Return the merged route map: routes by path, navigation by order and label."""
    routes = [
        Route(
            name=page.name,
            path=page.path,
            module=module.name,
            title=page.title,
            entry=f"/assets/{module.name}/{page.entry}",
            params=tuple(_PARAMETER.findall(page.path)),
        )
        for module in modules
        for page in module.pages
    ]
    paths = {route.name: route.path for route in routes}
    navigation = [
        NavigationItem(
            label=link.label,
            route=link.page,
            path=paths[link.page],
            order=link.order,
            module=module.name,
            permission=link.permission,
        )
        for module in modules
        for link in module.navigation
    ]
    return RouteMap(
        schema=1,
        routes=tuple(sorted(routes, key=lambda route: (route.path, route.name))),
        navigation=tuple(sorted(navigation, key=lambda item: (item.order, item.label))),
    )


def path_template(path: str) -> str:
    """Return a page's path as the web framework writes it: `/articles/{id}`."""
    return _PARAMETER.sub(r"{\1}", path)
