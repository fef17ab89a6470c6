"""One tree of all links: as the composer wrote it, and as a browser sees it."""

from __future__ import annotations

import re
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from server.menu import menu
from server.navigation import navigation_tree
from server.registry import Link, Module, Page

from xtask.diagnostics import Place, Source
from xtask.manifest.module import Module as Manifest
from xtask.manifest.module import Navigation, Route
from xtask.resolve.navigation import navigation_tree as composed_tree

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from fastapi.testclient import TestClient

    from xtask.resolve.navigation import Node

    Serve = Callable[..., TestClient]

PLACE = Place(Source("module.toml"))


def _manifest(module: Module) -> Manifest:
    return Manifest(
        name=module.name,
        version=module.version,
        description="",
        license=None,
        package=module.package,
        dialect="native",
        place=PLACE,
        routes=tuple(Route(p.name, p.path, p.entry, p.title, PLACE) for p in module.pages),
        navigation=tuple(
            Navigation(
                link.label,
                link.page,
                link.order,
                link.permission,
                PLACE,
                link.path,
                link.parent,
                link.menu,
                link.icon,
                link.hidden,
            )
            for link in module.navigation
        ),
    )


def _plain(nodes: Iterable[Node]) -> list[dict[str, Any]]:
    return [{**node._asdict(), "children": _plain(node.children)} for node in nodes]


NAMES = st.sampled_from(["", "a", "B", "/a", "/b"])
LINKS = st.builds(
    Link,
    label=st.sampled_from(["a", "B", "b"]),
    page=st.sampled_from(["", "page.a"]),
    order=st.sampled_from([1, 2]),
    path=st.sampled_from(["", "/a", "/b"]),
    parent=NAMES,
    menu=st.sampled_from(["main", "admin"]),
    hidden=st.booleans(),
)


@given(st.lists(st.lists(LINKS, max_size=6).map(tuple), max_size=3))
def test_the_tree_is_the_one_of_the_composer(links: list[tuple[Link, ...]]) -> None:
    pages = (Page("page.a", "/a", "a.js", "A"),)
    modules = [
        Module(f"m{number}", "1.0.0", "server", navigation=each, pages=() if number else pages)
        for number, each in enumerate(links)
    ]
    expected = _plain(composed_tree(map(_manifest, modules)))
    found = [asdict(item) for item in navigation_tree(modules)]
    assert found == _as_tuples(expected)


def _as_tuples(nodes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**node, "children": tuple(_as_tuples(node["children"]))} for node in nodes]


CRM = Module(
    name="crm",
    version="1.0.0",
    package="server",
    pages=(Page("crm.index", "/crm", "views/Home.vue", "CRM"),),
    navigation=(
        Link("CRM", path="/crm"),
        Link("Dashboard <1>", path="/crm", parent="CRM", order=1),
        Link("Leads", path="/crm/leads", parent="CRM", order=2, permission="crm:write"),
        Link("Lead", path="/crm/leads/:id", parent="CRM", order=3, hidden=True),
        Link("Users", path="/users", menu="admin", permission="crm:write"),
        Link("Empty"),
    ),
)


def _shown(html: str) -> list[str]:
    return re.findall(r"<(li[^>]*|a [^>]*|summary)>", html)


def test_a_group_opens_and_leads_to_each_place_once() -> None:
    html = menu(navigation_tree([CRM]))
    assert _shown(html) == [
        "li",
        "summary",
        "li",
        'a href="/crm"',
        'li data-permission="crm:write" hidden',
        'a href="/crm/leads"',
        "li hidden",
        "summary",
        'li data-permission="crm:write" hidden',
        'a href="/users"',
    ]
    assert "Dashboard &lt;1&gt;" in html
    assert ("Lead<" in html, "Empty" in html) == (False, False)


def test_the_route_map_has_the_tree(serve: Serve) -> None:
    navigation = serve(CRM).get("/api/_routes").json()["navigation"]
    crm = next(item for item in navigation if item["label"] == "CRM")
    assert [child["label"] for child in crm["children"]] == ["Dashboard <1>", "Leads", "Lead"]
    assert (crm["route"], crm["menu"], crm["children"][2]["hidden"]) == ("crm.index", "main", True)


@pytest.mark.parametrize("parent", ["A", "B", "nobody"])
def test_a_link_whose_parent_cannot_be_is_at_the_top(parent: str) -> None:
    module = Module(
        "m", "1.0.0", "server", navigation=(Link("A", parent=parent), Link("B", parent="A"))
    )
    assert [item.label for item in navigation_tree([module])] == ["A"]
