"""What the front end needs of the product: its route map, and the packages that it imports."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xtask.diagnostics import Problems
from xtask.generate.document import json_file
from xtask.resolve.navigation import navigation_tree
from xtask.resolve.npm import front_end_dependencies

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from xtask.diagnostics import KeyPath
    from xtask.generate.file import File
    from xtask.resolve.navigation import Node
    from xtask.resolve.select import Selection

    _Origins = dict[KeyPath, KeyPath]
    _Shown = tuple[str, str, str, str]


def route_map(selection: Selection, known: Mapping[str, Any], *, causes: bool) -> File:
    """Return `routes.json`: the pages of all modules by path, and the tree of navigation."""
    routes: list[tuple[dict[str, Any], KeyPath]] = []
    for number, module in enumerate(known["modules"]):
        for index, route in enumerate(module["routes"]):
            entry = {
                "name": route["name"],
                "path": route["path"],
                "module": module["name"],
                "title": route["title"],
                "entry": _address(module["name"], route["entry"]),
                "params": route["parameters"],
                "permissions": route["permissions"],
            }
            routes.append((entry, ("modules", number, "routes", index)))
    routes.sort(key=lambda item: (item[0]["path"], item[0]["name"]))
    headless = known["deployment_profile"] == "headless"
    tree = () if headless else navigation_tree(selection.modules)
    origins: _Origins | None = None
    if causes:
        origins = {("routes", index): path for index, (_, path) in enumerate(routes)}
        origins |= _origins(tree, known)
    document = {
        "schema": 1,
        "routes": [route for route, _ in routes],
        "navigation": [_shown(node) for node in tree],
    }
    return json_file("routes.json", document, depth=2, origins=origins)


def _address(module: str, entry: str) -> str | None:
    """Return where a browser finds a page; None for what a program of its own draws."""
    return f"/assets/{module}/{entry}" if entry else None


def _shown(node: Node) -> dict[str, Any]:
    return {**node._asdict(), "children": [_shown(child) for child in node.children]}


def _origins(tree: Iterable[Node], known: Mapping[str, Any]) -> _Origins:
    """Return the facts that the nodes were made from; nodes that show the same take turns."""
    paths = {route["name"]: route["path"] for each in known["modules"] for route in each["routes"]}
    links: dict[_Shown, list[KeyPath]] = {}
    for number, module in enumerate(known["modules"]):
        for index, link in enumerate(module["navigation"]):
            path = link["path"] or paths.get(link["route"], "")
            shown = (module["name"], link["label"], link["menu"], path)
            links.setdefault(shown, []).append(("modules", number, "navigation", index))
    return {
        path: links[node.module, node.label, node.menu, node.path].pop(0)
        for path, node in _walk(tree, ("navigation",))
    }


def _walk(nodes: Iterable[Node], path: KeyPath) -> Iterator[tuple[KeyPath, Node]]:
    for index, node in enumerate(nodes):
        yield (*path, index), node
        yield from _walk(node.children, (*path, index, "children"))


def package(selection: Selection, known: Mapping[str, Any], *, causes: bool) -> list[File]:
    """Return `package.json`, when a module's front end imports a package of npm."""
    if known["deployment_profile"] == "headless":
        return []
    dependencies = front_end_dependencies(selection.modules, Problems())
    if not dependencies:
        return []
    origins: _Origins = {
        ("dependencies", name): ("modules", number, "front_end_dependencies", name)
        for number, module in reversed([*enumerate(known["modules"])])
        for name in module["front_end_dependencies"]
    }
    document = {
        "name": known["app"],
        "private": True,
        "type": "module",
        "dependencies": dict(sorted(dependencies.items())),
    }
    return [json_file("package.json", document, depth=2, origins=origins if causes else None)]
