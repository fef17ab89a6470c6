"""The route map: which page of which module answers which path, and the navigation."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from server.navigation import NavigationItem, navigation_tree

if TYPE_CHECKING:
    from collections.abc import Sequence

    from server.registry import Module

_PARAMETER = re.compile(r":([A-Za-z_][A-Za-z0-9_]*)")


@dataclass(frozen=True, slots=True)
class Route:
    """A page; `entry` is the URL of a native ES module that exports `render`.

    One with another suffix than `.js` is source text for a front end that has to be bundled.
    """

    name: str
    path: str
    module: str
    title: str
    entry: str
    params: tuple[str, ...]
    permissions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RouteMap:
    """What the browser reads once; the same document as the generated `routes.json`."""

    schema: int
    routes: tuple[Route, ...]
    navigation: tuple[NavigationItem, ...]


def route_map(modules: Sequence[Module]) -> RouteMap:
    """Return the merged route map: routes by path, and the tree of navigation."""
    routes = [
        Route(
            name=page.name,
            path=page.path,
            module=module.name,
            title=page.title,
            entry=f"/assets/{module.name}/{page.entry}",
            params=tuple(_PARAMETER.findall(page.path)),
            permissions=page.permissions,
        )
        for module in modules
        for page in module.pages
    ]
    return RouteMap(
        schema=1,
        routes=tuple(sorted(routes, key=lambda route: (route.path, route.name))),
        navigation=navigation_tree(modules),
    )


def path_template(path: str) -> str:
    """Return a page's path as the web framework writes it: `/articles/{id}`."""
    return _PARAMETER.sub(r"{\1}", path)
