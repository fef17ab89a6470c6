"""Flux's `module.json`: every key arrives, every defect has its place, no value raises."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import workspace
from tests.support.budgets import budget
from tests.support.flux import FILES, MANIFEST, codes, read
from xtask.diagnostics import Place, Problems, Source
from xtask.manifest.dialects import flux, read_module
from xtask.manifest.table import Table

if TYPE_CHECKING:
    from pathlib import Path


def test_every_key_arrives(tmp_path: Path) -> None:
    module, found = read(tmp_path, FILES)
    assert found == []
    assert (module.name, module.version, module.package) == (
        "databases",
        "2.0.6",
        "modules.databases",
    )
    assert (module.description, module.license) == ("Databases on demand", "MIT")
    assert (module.dialect, module.is_package, module.root) == ("flux", True, tmp_path)
    assert module.app_range
    assert module.app_range.text == ">=1.2.0"
    assert [item[:2] for item in module.requires] == [("backups", "^2.1"), ("networks", "")]
    assert [item[:2] for item in module.permissions] == [
        ("databases:read", "View databases and their health"),
        ("databases:write", "Manage Databases"),
    ]
    assert module.distribution == "modules-databases"


def permission(**keys: object) -> list[dict[str, object]]:
    return [{"name": "databases:read", "resource": "databases", "action": "read", **keys}]


@pytest.mark.parametrize(
    ("keys", "where", "code"),
    [
        ({"action": "read|write"}, "19:17", "XT0205"),
        ({"resource": "database"}, "18:19", "XT0205"),
        ({"name": "databases:read|write"}, "17:15", "XT0205"),
        ({"name": "databases.read"}, "17:15", "XT0205"),
        ({"name": 1}, "17:15", "XT0203"),
        ({"action": ["read"]}, "19:17", "XT0203"),
        ({"acton": "read"}, "20:7", "XT0201"),
    ],
)
def test_f6_refuses_a_permission(
    tmp_path: Path, keys: dict[str, object], where: str, code: str
) -> None:
    _, found = read(tmp_path, FILES, permissions=permission(**keys))
    assert [item[:2] for item in found] == [(f"databases/module.json:{where}", f"{code} error")]


def test_f7_navigation_arrives_with_its_menu(tmp_path: Path) -> None:
    module, _ = read(tmp_path, FILES)
    first, second = module.navigation
    assert (first.label, first.path, first.menu, first.icon, first.permission) == (
        "Databases",
        "/databases",
        "main",
        "Database",
        "databases:read",
    )
    assert (second.path, second.menu, second.icon, second.permission) == (
        "/databases/plans",
        "admin",
        "",
        None,
    )
    assert (first.route, first.parent, first.order, first.hidden) == ("", "", 100, False)


@pytest.mark.parametrize(
    ("keys", "code"),
    [
        ({"menu": "main|admin|settings"}, "XT0204"),
        ({"menu": True}, "XT0203"),
        ({"path": "databases"}, "XT0205"),
        ({"path": "/a/{id}/{id}"}, "XT0205"),
        ({"path": "/a/{constructor}"}, "XT0205"),
        ({"path": "/a/<script>"}, "XT0205"),
        ({"path": None}, "XT0202"),
        ({"title": None}, "XT0202"),
        ({"requires_permission": "a:b"}, "XT0201"),
        ({"required_permission": []}, "XT0203"),
    ],
)
def test_f7_refuses_a_link(tmp_path: Path, keys: dict[str, object], code: str) -> None:
    link = {"title": "Databases", "path": "/databases", **keys}
    assert f"{code} error" in codes(tmp_path, FILES, navigation=[link])


def test_f8_the_entry_draws_every_page_of_the_navigation(tmp_path: Path) -> None:
    module, _ = read(tmp_path, FILES)
    assert module.assets == "frontend"
    assert [(item[:4], item.permissions) for item in module.routes] == [
        (
            ("databases.databases", "/databases", "pages/DatabasesPage.tsx", "Databases"),
            ("databases:read",),
        ),
        (("databases.databases-plans", "/databases/plans", "pages/DatabasesPage.tsx", "Plans"), ()),
    ]


def test_f8_a_page_that_two_menus_lead_to_is_one_route(tmp_path: Path) -> None:
    links = [
        {"title": "A", "path": "/a/[item_id]", "required_permission": "a:read"},
        {"title": "B", "path": "/a/{item_id}", "menu": "admin"},
    ]
    module, _ = read(tmp_path, FILES, navigation=links)
    assert [(item.path, item.title, item.permissions) for item in module.routes] == [
        ("/a/:item_id", "A", ())
    ]


@pytest.mark.parametrize("front_end", [..., {"enabled": False}, {"enabled": False, "entry": "x"}])
def test_f8_a_module_without_front_end_has_no_pages(tmp_path: Path, front_end: object) -> None:
    module, found = read(tmp_path, FILES, frontend=front_end)
    assert found == []
    assert (module.routes, module.assets) == ((), None)
    assert len(module.navigation) == 2


@pytest.mark.parametrize(
    ("front_end", "code"),
    [
        ({"entry": "frontend/pages/Missing.tsx"}, "XT0211"),
        ({"entry": "pages/DatabasesPage.tsx"}, "XT0220"),
        ({"entry": "frontend/pages/DatabasesPage.py"}, "XT0220"),
        ({"entry": "frontend/../routes.py"}, "XT0205"),
        ({"enabled": True}, "XT0202"),
        ({"enabled": "yes", "entry": "frontend/pages/DatabasesPage.tsx"}, "XT0203"),
        ({"entries": [], "enabled": False}, "XT0201"),
        ("frontend/pages/DatabasesPage.tsx", "XT0203"),
    ],
)
def test_f8_refuses_a_front_end(tmp_path: Path, front_end: object, code: str) -> None:
    assert codes(tmp_path, FILES, frontend=front_end) == [f"{code} error"]


def test_f8_warns_of_a_page_that_nothing_leads_to(tmp_path: Path) -> None:
    assert codes(tmp_path, FILES, navigation=[]) == ["XT0220 warning"]


@pytest.mark.parametrize(
    ("keys", "where", "code"),
    [
        ({"name": "Databases"}, "3:11", "XT0205"),
        ({"name": "data-bases"}, "3:11", "XT0205"),
        ({"name": "class"}, "3:11", "XT0205"),
        ({"name": "backups"}, "3:11", "XT0208"),
        ({"name": ...}, "1:1", "XT0202"),
        ({"display_name": ...}, "1:1", "XT0202"),
        ({"author": 5}, "8:13", "XT0203"),
        ({"version": "2.0"}, "6:14", "XT0206"),
        ({"min_app_version": ">=1.0.0"}, "10:22", "XT0206"),
        ({"module_id": 620600}, "2:16", "XT0203"),
        ({"module_id": "62060"}, "2:16", "XT0205"),
        ({"table_prefix": "a b"}, "4:19", "XT0205"),
        ({"dependencies": "networks"}, "42:19", "XT0203"),
        ({"dependencies": ["Networks"]}, "43:5", "XT0205"),
        ({"dependencies": [7]}, "43:5", "XT0203"),
        ({"dependencies": [{"name": "networks", "range": "1"}]}, "45:7", "XT0201"),
        ({"navigations": []}, "53:3", "XT0201"),
    ],
)
def test_every_defect_has_its_place(
    tmp_path: Path, keys: dict[str, object], where: str, code: str
) -> None:
    _, found = read(tmp_path, FILES, **keys)
    assert (f"databases/module.json:{where}", f"{code} error") in [item[:2] for item in found]


@pytest.mark.parametrize("folder", ["Databases", "backups", "databases-2.0.6", "620600", "_x"])
def test_f3_a_folder_has_the_name_of_its_module(tmp_path: Path, folder: str) -> None:
    workspace.write(tmp_path, {"module.json": json.dumps(MANIFEST), **FILES})
    problems = Problems()
    read_module(tmp_path, f"modules/{folder}", problems)
    assert [item.code for item in problems.found] == ["XT0208"]


def test_f3_the_folder_of_the_workspace_has_any_name(tmp_path: Path) -> None:
    workspace.write(tmp_path, {"module.json": json.dumps(MANIFEST), **FILES})
    problems = Problems()
    read_module(tmp_path, ".", problems)
    workspace.no_problems(problems)


def test_of_the_formats_own_example_only_the_enumerations_are_refused(tmp_path: Path) -> None:
    text = """
{
  "name": "module_name",
  "display_name": "Human Readable Name",
  "version": "1.0.0",
  "description": "What this module does",
  "author": "Author Name",
  "license": "MIT",
  "min_app_version": "1.0.0",
  "hooks": {
    "after_module_enable": "hooks:on_enable",
    "after_module_disable": "hooks:on_disable"
  },
  "permissions": [
    {
      "name": "resource:action",
      "display_name": "Human Readable",
      "description": "What this permission allows",
      "resource": "resource",
      "action": "read|write"
    }
  ],
  "navigation": [
    {
      "menu": "main|admin|settings",
      "title": "Nav Label",
      "path": "/route-path",
      "icon": "LucideIconName",
      "required_permission": "resource:action"
    }
  ],
  "dependencies": [],
  "frontend": {
    "enabled": true,
    "entry": "frontend/pages/MainPage.tsx"
  }
}
"""
    hooks = "async def on_enable(data, context): ...\nasync def on_disable(data, context): ...\n"
    files = {"module.json": text, "hooks.py": hooks, "__init__.py": '__version__ = "1.0.0"\n'}
    workspace.write(tmp_path, {**files, "frontend/pages/MainPage.tsx": ""})
    problems = Problems()
    module = read_module(tmp_path, "module_name", problems)
    assert module
    assert (len(module.hooks), len(module.routes), module.package) == (
        2,
        1,
        "modules.module_name",
    )
    found = [(item.code, item.place.span()[:2]) for item in problems.found]
    assert found == [("XT0204", (25, 15)), ("XT0205", (20, 17))]


def test_a_published_module_is_not_looked_up_in_files() -> None:
    problems = Problems()
    module = flux.read(Table(MANIFEST, Place(Source("module.json")), problems, "it"), None)
    workspace.no_problems(problems)
    assert (len(module.routers), len(module.routes), len(module.hooks)) == (1, 2, 2)


def test_what_bmc_writes_is_not_flux() -> None:
    assert not flux.recognises({"name": "inventory", "enabled": True, "table_prefix": "inv_"})
    assert flux.recognises({"name": "links", "hooks": {}})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3)
    ),
    max_leaves=6,
)
PATHS = [
    *((key,) for key in MANIFEST),
    *((key, index) for key in ("permissions", "navigation", "dependencies") for index in (0, 1)),
    *(("permissions", 0, key) for key in MANIFEST["permissions"][0]),
    *(("navigation", 0, key) for key in MANIFEST["navigation"][0]),
    *(("frontend", key) for key in MANIFEST["frontend"]),
    *(("hooks", key) for key in MANIFEST["hooks"]),
    ("dependencies", 1, "version"),
]


@budget(200)
@given(changes=st.lists(st.tuples(st.sampled_from(PATHS), JSON), min_size=1, max_size=3))
def test_no_value_makes_reading_raise(
    tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[tuple[Any, ...], Any]]
) -> None:
    values = json.loads(json.dumps(MANIFEST))
    for path, value in sorted(changes, key=lambda change: -len(change[0])):
        inside = values
        for key in path[:-1]:
            inside = inside[key]
        inside[path[-1]] = value
    root = tmp_path_factory.getbasetemp() / "flux"
    workspace.write(root, {"module.json": json.dumps(values), **FILES})
    problems = Problems()
    read_module(root, "databases", problems)
    for problem in problems.found:
        assert problem.place.span().line >= 1
