"""Names and paths that dialects have in common."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.budgets import budget
from xtask.diagnostics import Place, Problems, Source
from xtask.manifest import grammar
from xtask.manifest.dialects import shared
from xtask.manifest.table import Table


def path(written: object) -> tuple[str, list[str]]:
    problems = Problems()
    found = shared.route_path(Table({"path": written}, Place(Source("x")), problems, "it"), "path")
    return found, [item.code for item in problems.found]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("/", "/"),
        ("/a", "/a"),
        ("/a/", "/a"),
        ("/a/:id", "/a/:id"),
        ("/a/{id}/b", "/a/:id/b"),
        ("/a/[id]", "/a/:id"),
        ("/a/:orderId", "/a/:orderId"),
    ],
)
def test_paths_of_all_front_ends_become_ours(written: str, expected: str) -> None:
    assert path(written) == (expected, [])


@pytest.mark.parametrize(
    "written",
    ["", "a", "//", "/a//b", "/a/:id?", "/a/[...all]", "/a/{id:int}", "/a/:_id", "/a?b", "/../a",
     "/a/x{id}", "/{}", "/*", "https://example.org/"],
)  # fmt: skip
def test_refuses_a_path(written: str) -> None:
    assert path(written) == ("", ["XT0205"])


@pytest.mark.parametrize("written", ["/:a/{a}", "/[prototype]"])
def test_refuses_parameters_that_hide_another(written: str) -> None:
    assert path(written)[1] == ["XT0205"]


@pytest.mark.parametrize(("written", "code"), [(None, "XT0202"), (7, "XT0203")])
def test_a_path_is_a_text(written: object, code: str) -> None:
    assert path(written) == ("", [code])


@pytest.mark.parametrize(
    ("module", "where", "expected"),
    [
        ("shop", "/", "shop.index"),
        ("gift_cards", "/gift-cards/:Id/x_y", "gift-cards.gift-cards-id-x-y"),
        ("shop", "/2fa", "shop.page-2fa"),
        ("shop", "/~", "shop.index"),
    ],
)
def test_a_route_is_named_after_its_path(module: str, where: str, expected: str) -> None:
    assert shared.route_name(module, where) == expected


def test_routes_of_one_module_have_names_of_their_own() -> None:
    taken = ["shop.a-b", "shop.a-b-2"]
    assert shared.route_name("shop", "/a/:b", taken) == "shop.a-b-3"


@budget(100)
@given(where=st.from_regex(grammar.ROUTE.pattern, fullmatch=True))
def test_every_name_of_a_route_is_an_owned_name(where: str) -> None:
    name = shared.route_name("a_b", where)
    assert name.startswith("a-b.")
    assert grammar.EVENT.matches(name)


def test_a_package_is_not_called_like_a_word_of_python() -> None:
    problems = Problems()
    table = Table({"name": "class"}, Place(Source("x")), problems, "it")
    assert shared.package_name(table, "name", "class", "modules") == ""
    assert shared.package_name(table, "name", "gift-cards", "app.modules") == (
        "app.modules.gift_cards"
    )
    assert [item.code for item in problems.found] == ["XT0205"]
