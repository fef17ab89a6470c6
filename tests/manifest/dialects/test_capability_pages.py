"""Pages and links of capability modules, in both formats."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.capability import FILES, flat, nested
from tests.support.manifests import GONE, codes

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support import manifests

PAGES = ("capabilities", "ui", "pages")
LINKS = ("capabilities", "ui", "navigation")
SIDEBAR = ("ui", "sidebar")
MENU = ("contributions", "navigation")


def test_n8_pages_and_their_files_arrive(tmp_path: Path) -> None:
    module, _ = nested(tmp_path)
    assert [(item[:4], item.permissions) for item in module.routes] == [
        (("rack-power.racks", "/racks", "pages/Racks.tsx", "Racks"), ("racks:read",)),
        (("rack-power.racks-id", "/racks/:id", "pages/Rack.tsx", "Rack"), ()),
    ]


def test_n8_links_are_nested_and_keep_their_order(tmp_path: Path) -> None:
    module, _ = nested(tmp_path)
    assert [
        (item.label, item.path, item.parent, item.order, item.icon, item.permission)
        for item in module.navigation
    ] == [
        ("Power", "", "", 7, "bolt", None),
        ("Racks", "/racks", "Power", 100, "", "racks:read"),
        ("All", "/racks", "Power", 1, "", None),
        ("Same", "/racks", "Power", 102, "", None),
    ]


def test_n8_without_a_folder_for_pages_the_first_one_is_given_to_browsers(tmp_path: Path) -> None:
    files = {name: text for name, text in FILES.items() if not name.startswith("frontend")}
    pages = [
        {"path": "/a", "component": "pages/A.tsx", "title": "A"},
        {"path": "/b", "component": "other/B.tsx", "title": "B"},
        {"path": "/c", "component": "C.tsx", "title": "C"},
    ]
    pages_of = {"pages/A.tsx": "", "other/B.tsx": "", "C.tsx": ""}
    module, found = nested(tmp_path, {PAGES: pages}, {**files, **pages_of})
    assert (module.assets, module.routes[0].entry) == ("pages", "A.tsx")
    assert found == [
        "XT0220 error rack-power/manifest.json:72:19 `other/B.tsx` is not in `pages/`",
        "XT0220 error rack-power/manifest.json:77:19 `C.tsx` is not in `pages/`",
    ]


def test_n8_no_python_is_given_to_browsers(tmp_path: Path) -> None:
    _, found = nested(tmp_path, files={**FILES, "frontend/deep/keys.py": ""})
    assert found == [
        (
            "XT0220 error rack-power/manifest.json:67:19 "
            "`frontend/` holds `frontend/deep/keys.py`, which no browser may get"
        )
    ]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({(*PAGES, 0, "component"): "frontend/None.tsx"}, "XT0211 error"),
        ({(*PAGES, 0, "component"): "../a.tsx"}, "XT0205 error"),
        ({(*PAGES, 0, "path"): "racks"}, "XT0205 error"),
        ({(*PAGES, 0, "path"): "/racks/:id?"}, "XT0205 error"),
        ({(*PAGES, 0, "title"): GONE}, "XT0202 error"),
        ({(*PAGES, 0, "icon"): 1}, "XT0203 error"),
        ({(*LINKS, 0, "label"): GONE}, "XT0202 error"),
        ({(*LINKS, 0, "children"): GONE}, "XT0202 error"),
        ({(*LINKS, 0, "order"): "first"}, "XT0203 error"),
        ({(*LINKS, 0, "children", 0, "permissions"): ["a:b", "c:d"]}, "XT0205 error"),
        ({(*LINKS, 0, "childs"): []}, "XT0201 error"),
        (
            {("capabilities", "ui", "components"): [{"slot": "a", "component": "frontend/Live"}]},
            "XT0223 warning",
        ),
    ],
)
def test_n8_says_what_is_wrong_with_the_front_end(
    tmp_path: Path, changes: dict[manifests.Path_, Any], code: str
) -> None:
    assert codes(nested(tmp_path, changes)[1]) == [code]


def test_n8_refuses_links_that_are_nested_without_end(tmp_path: Path) -> None:
    link: dict[str, Any] = {"label": "L", "path": "/l"}
    for _ in range(60):
        link = {"label": "L", "children": [link]}
    assert codes(nested(tmp_path, {(*LINKS, 0): link})[1]) == ["XT0205 error"]


def test_n8_routes_of_the_flat_format_are_titled_by_the_links_to_them(tmp_path: Path) -> None:
    module, _ = flat(tmp_path)
    assert [item[:4] for item in module.routes] == [
        ("rack-power.power-live", "/power/live", "Live.tsx", "Live"),
        ("rack-power.power-more", "/power/more", "More.jsx", "More"),
    ]
    module, _ = flat(tmp_path, {(*MENU, "items"): []})
    assert [item.title for item in module.routes] == ["Live", "Rack power"]


def test_n8_the_sidebar_is_a_group_and_contributions_are_in_their_menu(tmp_path: Path) -> None:
    module, found = flat(tmp_path)
    assert [item for item in found if "nav" in item] == []
    assert [
        (item.label, item.path, item.parent, item.order, item.menu, item.icon)
        for item in module.navigation
    ] == [
        ("Power", "", "", 20, "main", "bolt"),
        ("Live", "/power/live", "Power", 100, "main", ""),
        ("History", "/power/history", "Power", 101, "main", "clock"),
        ("More", "/power/more", "", 2, "monitoring", "plus"),
    ]


@pytest.mark.parametrize(
    ("item", "problem", "labels"),
    [
        ({"label": "Live", "path": "/power/live"}, None, ["Live", "History"]),
        (
            {"label": "Now", "path": "/power/live"},
            "`/power/live` has two labels",
            ["Live", "History"],
        ),
        (
            {"label": "Live", "path": "/now"},
            "`Live` leads to two paths",
            ["Live", "History", "Live"],
        ),
    ],
)
def test_n8_links_that_are_written_twice_have_to_agree(
    tmp_path: Path, item: dict[str, str], problem: str | None, labels: list[str]
) -> None:
    module, found = flat(tmp_path, {(*MENU, "items"): [item], ("permissions",): []})
    assert [link.label for link in module.navigation[1:]] == labels
    start = "XT0208 warning rack-power/manifest.json:85:5 "
    both = ": in `ui.sidebar` and in `contributions`"
    assert found == ([f"{start}{problem}{both}"] if problem else [])


def test_n8_contributions_may_be_a_group_or_one_link(tmp_path: Path) -> None:
    group = {"category": "tools", "label": "More", "icon": "i", "order": 3, "items": []}
    module, _ = flat(tmp_path, {MENU: {**group, "items": [{"label": "X", "path": "/x"}]}})
    assert [(item.label, item.path, item.parent, item.menu) for item in module.navigation[-2:]] == [
        ("More", "", "", "tools"),
        ("X", "/x", "More", "tools"),
    ]
    module, _ = flat(tmp_path, {MENU: {"category": "tools", "path": "/one"}})
    assert module.navigation[-1][:6] == (
        "Rack power",
        "",
        100,
        None,
        module.navigation[-1].place,
        "/one",
    )


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({(*MENU, "category"): "forge"}, "XT0204 warning"),
        ({(*MENU, "category"): "</script>"}, "XT0205 error"),
        ({(*MENU, "category"): GONE}, "XT0202 error"),
        ({(*MENU, "items", 0, "path"): GONE}, "XT0202 error"),
        ({(*SIDEBAR, "label"): GONE}, "XT0202 error"),
        ({(*SIDEBAR, "icon"): GONE}, "XT0202 error"),
        ({(*SIDEBAR, "children", 0, "label"): GONE}, "XT0202 error"),
        ({SIDEBAR: GONE}, "XT0202 error"),
        ({("ui", "routes"): GONE}, "XT0202 error"),
        ({("ui", "entry"): GONE}, "XT0202 error"),
        ({("ui", "entry"): "dist/none.js"}, "XT0211 error"),
        ({("ui", "routes", 0, "component"): GONE}, "XT0202 error"),
        ({("ui", "routes", 0, "exact"): False}, "XT0223 warning"),
        ({("ui", "routes", 0, "path"): "/power/*"}, "XT0205 error"),
        ({("contributions", "dashboard"): {"widget": []}}, "XT0201 error"),
        ({("contributions", "panel"): {}}, "XT0201 error"),
    ],
)
def test_n8_says_what_is_wrong_with_the_flat_front_end(
    tmp_path: Path, changes: dict[manifests.Path_, Any], code: str
) -> None:
    assert codes(flat(tmp_path, {**changes, ("permissions",): []})[1]) == [code]


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({}, ["XT0223 warning"]),
        ({"size": "huge"}, ["XT0204 error", "XT0223 warning"]),
        ({"component": "./frontend/None"}, ["XT0211 error", "XT0223 warning"]),
        ({"id": None}, ["XT0202 error", "XT0223 warning"]),
    ],
)
def test_n8_widgets_are_checked_and_not_shown(
    tmp_path: Path, keys: dict[str, object], expected: list[str]
) -> None:
    widget = {
        "id": "live",
        "title": "Live",
        "component": "./frontend/Live",
        "size": "medium",
        "refreshInterval": 5000,
        "order": 1,
        **keys,
    }
    changes = {("contributions", "dashboard"): {"widgets": [widget]}, ("permissions",): []}
    assert codes(flat(tmp_path, changes)[1]) == expected


def test_many_pages_of_one_path_are_read_at_once(tmp_path: Path) -> None:
    page = {"path": "/same", "component": "frontend/Live.tsx"}
    module, _ = flat(tmp_path, {("ui", "routes"): [page] * 3_000})
    assert len({route.name for route in module.routes}) == 3_000
