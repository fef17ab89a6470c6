"""Front ends of FastVue: views where real modules have them, pages, and menus of every shape."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.fastvue import EMPTY, Read, read

if TYPE_CHECKING:
    from pathlib import Path

VIEWS = EMPTY | {f"static/views/{name}.vue": "" for name in ("one", "two", "three")}


def front_end(root: Path, files: dict[str, str] = VIEWS, **keys: Any) -> Read:
    """Read a module with these keys, one on each line from line 3."""
    text = ",\n".join(f'"{key}": {value!r}' for key, value in keys.items())
    return read(root, f'{{"name": "CRM",\n"version": "1.0",\n{text}}}', files)


def pages(found: Read) -> list[tuple[str, str]]:
    return [(route.path, route.entry) for route in found.module.routes]


def links(found: Read) -> list[tuple[str, str, str]]:
    return [(link.label, link.path, link.parent) for link in found.module.navigation]


def menu(name: str, path: str, **keys: Any) -> dict[str, Any]:
    return {"name": name, "path": path} | keys


def test_v9_a_glob_finds_its_files_sorted(tmp_path: Path) -> None:
    found = front_end(tmp_path, assets={"views": ["static/**/*.vue"], "stores": ["views/t*.vue"]})
    assert found.noted == []


@pytest.mark.parametrize(
    ("assets", "expected"),
    [
        ({"stores": ["static/*.ts"]}, "XT0220 3:23 `static/*.ts` matches no file of `crm`"),
        ({"routes": "static/x.ts"}, "XT0220 3:22 `static/x.ts` is no file of `crm`"),
        ({"styles": ["../x.css"]}, "XT0205 3:23 `../x.css` leads out of the module"),
        ({"views": ["static/../../*"]}, "XT0205 3:22 `static/../../*` leads out of the module"),
        ({"views": ["a.vue"]}, "XT0220 3:22 `a.vue` is outside of `static`, so no browser gets it"),
        ({"view": []}, "XT0201 3:12 unknown key `view` in `assets`"),
        ({"locales": "de"}, "XT0203 3:23 `locales` must be an array, not a string"),
    ],
)  # fmt: skip
def test_v9_a_file_that_is_not_in_the_assets_is_named(
    tmp_path: Path, assets: dict[str, Any], expected: str
) -> None:
    assert front_end(tmp_path, VIEWS | {"a.vue": ""}, assets=assets).noted == [expected]


def test_v9_a_list_of_very_many_globs_is_refused_before_any_is_expanded(tmp_path: Path) -> None:
    found = front_end(tmp_path, views=[f"*{number}" for number in range(101)])
    assert found.noted == ["XT0205 3:10 `views` has more than 100 globs"]


def test_views_count_from_static_where_real_modules_have_them(tmp_path: Path) -> None:
    menus = [menu("A", "/a", viewName="one")]
    found = front_end(tmp_path, views=["views/one.vue", "static/views/two.vue"], menus=menus)
    assert found.noted == []
    assert pages(found) == [("/a", "views/one.vue")]


def test_a_view_that_is_nowhere_is_named_with_the_one_it_is_like(tmp_path: Path) -> None:
    found = front_end(tmp_path, views=["views/gone.vue"], menus=[menu("A", "/a", viewName="oen")])
    assert found.noted == [
        "XT0220 3:11 `views/gone.vue` is no file of `crm`",
        "XT0220 4:51 there is no view `oen`",
    ]
    assert found.found[1].help == "did you mean `one`?"
    assert (pages(found), links(found)) == ([], [("A", "", "")])


def test_a_declared_routes_file_that_does_not_exist_draws_nothing(tmp_path: Path) -> None:
    found = front_end(tmp_path, assets={"routes": "static/routes.ts"}, menus=[menu("A", "/a")])
    assert found.noted == [
        "XT0220 3:22 `static/routes.ts` is no file of `crm`",
        "XT0220 4:33 nothing draws the page `/a` of menu `A`",
    ]


def test_a_page_without_a_view_is_drawn_by_the_routes(tmp_path: Path) -> None:
    files = VIEWS | {"static/src/routes/index.ts": ""}
    assets = {"routes": "static/src/routes/index.ts"}
    menus = [menu("A", "/a"), menu("B", "/b", viewName="two")]
    found = front_end(tmp_path, files, assets=assets, menus=menus)
    assert pages(found) == [("/a", "src/routes/index.ts"), ("/b", "views/two.vue")]


@pytest.mark.parametrize("views", [[], ["views/one.vue", "views/two.vue"]])
def test_a_page_without_a_view_is_drawn_by_the_one_called_like_its_path(
    tmp_path: Path, views: list[str]
) -> None:
    inside = [menu("First", "/g/one"), menu("Second", "/g/two", permission="crm.two")]
    menus = [menu("G", "/g", children=inside), menu("Fourth", "/g/four")]
    found = front_end(tmp_path, views=views, menus=menus)
    assert found.noted == ["XT0220 4:181 nothing draws the page `/g/four` of menu `Fourth`"]
    assert pages(found) == [
        ("/g", "views/one.vue"),
        ("/g/one", "views/one.vue"),
        ("/g/two", "views/two.vue"),
    ]


def test_the_routes_of_a_module_draw_also_what_a_view_is_called_like(tmp_path: Path) -> None:
    files = VIEWS | {"static/routes.ts": ""}
    assets = {"routes": "static/routes.ts"}
    found = front_end(tmp_path, files, assets=assets, menus=[menu("A", "/one")])
    assert pages(found) == [("/one", "routes.ts")]


def test_a_page_without_a_view_is_drawn_by_the_only_one(tmp_path: Path) -> None:
    found = front_end(tmp_path, EMPTY | {"static/views/one.vue": ""}, menus=[menu("A", "/a")])
    assert pages(found) == [("/a", "views/one.vue")]


def test_v10_a_group_opens_the_first_page_below_it_that_is_shown(tmp_path: Path) -> None:
    inside = [
        menu("H", "/g/h", viewName="one", hideInMenu=True),
        menu("A", "/g/a", viewName="two"),
        menu("B", "/g/b", viewName="three"),
    ]
    found = front_end(tmp_path, menus=[menu("G", "/g", children=inside)])
    assert found.noted == []
    assert pages(found)[0] == ("/g", "views/two.vue")
    assert links(found) == [
        ("G", "/g", ""),
        ("H", "/g/h", "/g"),
        ("A", "/g/a", "/g"),
        ("B", "/g/b", "/g"),
    ]
    assert [link.hidden for link in found.module.navigation] == [False, True, False, False]


def test_v10_a_group_without_a_path_only_groups(tmp_path: Path) -> None:
    inside = [menu("A", "/a", viewName="one")]
    found = front_end(tmp_path, menus=[{"name": "G", "children": inside}])
    assert found.noted == []
    assert links(found) == [("G", "", ""), ("A", "/a", "G")]


@pytest.mark.parametrize("parent", ["G", "/g"])
def test_v10_a_parent_is_named_by_its_label_or_its_path(tmp_path: Path, parent: str) -> None:
    menus = [menu("A", "/g/a", viewName="one", parent=parent), menu("G", "/g")]
    found = front_end(tmp_path, menus=menus)
    assert found.noted == []
    assert pages(found) == [("/g/a", "views/one.vue"), ("/g", "views/one.vue")]
    assert links(found) == [("A", "/g/a", parent), ("G", "/g", "")]


def test_v10_a_parent_in_another_module_stays_as_written(tmp_path: Path) -> None:
    found = front_end(tmp_path, menus=[menu("A", "/x/a", viewName="one", parent="/x")])
    assert links(found) == [("A", "/x/a", "/x")]


def test_a_parent_that_is_a_module_is_the_menu_at_its_own_path(tmp_path: Path) -> None:
    menus = [menu("A", "/x/a", viewName="one", parent="sales")]
    found = front_end(tmp_path, depends=["sales"], menus=menus)
    assert links(found) == [("A", "/x/a", "/sales")]
    menus.append(menu("sales", "/b", viewName="two"))
    found = front_end(tmp_path, depends=["sales"], menus=menus)
    assert links(found)[0] == ("A", "/x/a", "sales")


def test_one_path_in_one_chain_is_one_page_and_a_warning(tmp_path: Path) -> None:
    menus = [
        menu("CRM", "/crm"),
        menu("Dashboard", "/crm", parent="CRM", viewName="two"),
        menu("Leads", "/crm/leads", parent="/crm", viewName="one"),
    ]
    found = front_end(tmp_path, menus=menus)
    assert found.noted == ["XT0304 3:74 the menus `CRM` and `Dashboard` lead to one page, `/crm`"]
    assert found.warnings == ["XT0304"]
    assert pages(found) == [("/crm", "views/two.vue"), ("/crm/leads", "views/one.vue")]
    assert links(found) == [
        ("CRM", "/crm", ""),
        ("Dashboard", "/crm", "CRM"),
        ("Leads", "/crm/leads", "/crm"),
    ]


def test_one_path_in_two_chains_stays_two_pages_for_the_conflict_to_be_seen(tmp_path: Path) -> None:
    menus = [menu("A", "/a", viewName="one"), menu("B", "/a", viewName="two")]
    found = front_end(tmp_path, menus=menus)
    assert found.noted == []
    assert [(page.name, page.path) for page in found.module.routes] == [
        ("crm.a", "/a"),
        ("crm.a-2", "/a"),
    ]


def test_a_nested_menu_names_its_parent_by_label_when_the_path_is_the_same(tmp_path: Path) -> None:
    inside = [menu("Dashboard", "/crm", viewName="one")]
    found = front_end(tmp_path, menus=[menu("CRM", "/crm", children=inside)])
    assert links(found) == [("CRM", "/crm", ""), ("Dashboard", "/crm", "CRM")]


def test_menus_that_are_each_others_parent_end(tmp_path: Path) -> None:
    menus = [
        menu("A", "/a", parent="B", viewName="one"),
        menu("B", "/b", parent="A"),
        menu("C", "/c", parent="C", viewName="two"),
    ]
    found = front_end(tmp_path, menus=menus)
    assert pages(found) == [
        ("/a", "views/one.vue"),
        ("/b", "views/one.vue"),
        ("/c", "views/two.vue"),
    ]
    assert links(found) == [("A", "/a", "B"), ("B", "/b", "A"), ("C", "/c", "C")]


def test_no_link_leads_to_a_hidden_page_with_parameters(tmp_path: Path) -> None:
    menus = [
        menu("A", "/a/{id}", viewName="one", hideInMenu=True),
        menu("B", "/b/[id]", viewName="two"),
    ]
    found = front_end(tmp_path, menus=menus)
    assert pages(found) == [("/a/:id", "views/one.vue"), ("/b/:id", "views/two.vue")]
    assert links(found) == [("B", "/b/:id", "")]


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (menu("A", "a"), "XT0205 3:33 `a` is not a route path"),
        (menu("A", "/a/:id?", viewName="one"), "XT0205 3:33 `/a/:id?` is not a route path"),
        ({"path": "/a", "viewName": "one"}, "XT0202 3:11 `name` is missing"),
        ({"name": "A", "viewName": "one"}, "XT0202 3:11 `path` is missing"),
        (menu("A", "/a", viewName="one", order=1), "XT0201 3:58 unknown key `order`"),
        (menu("A", "/a", viewName="one", sequence="1"), "XT0203 3:70 `sequence` must be"),
        (menu("A", "/a", viewName="one", groups=["x"]), "XT0223 3:68 `groups` are rows"),
    ],
)  # fmt: skip
def test_each_defect_of_a_menu_has_its_place(
    tmp_path: Path, item: dict[str, Any], expected: str
) -> None:
    (noted,) = front_end(tmp_path, menus=[item]).noted
    assert noted.startswith(expected)


def test_a_menu_of_the_wrong_type_is_reported_and_the_others_are_read(tmp_path: Path) -> None:
    found = front_end(tmp_path, menus=["x", menu("A", "/a", viewName="one")])
    assert found.errors == ["XT0203"]
    assert pages(found) == [("/a", "views/one.vue")]


def test_thousands_of_menus_of_one_path_are_read_at_once(tmp_path: Path) -> None:
    menus = [menu("A", "/a", viewName="one") for _ in range(1_500)]
    found = front_end(tmp_path, menus=json.loads(json.dumps(menus)))
    assert len({page.name for page in found.module.routes}) == 1_500
