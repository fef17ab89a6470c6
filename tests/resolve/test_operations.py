"""One method on one path has one answer, unless a module says that it replaces another's."""

from __future__ import annotations

from itertools import permutations
from typing import TYPE_CHECKING

import pytest

from tests.resolve.products import CODE, at, module, said
from xtask.diagnostics import Problems
from xtask.manifest.module import App, Endpoint, Operation, Route, Router
from xtask.resolve.operations import Precedence, settle_operations
from xtask.resolve.paths import refuse_unreachable

if TYPE_CHECKING:
    from xtask.manifest.module import Module


def endpoints(owner: str, *wholes: str) -> tuple[Endpoint, ...]:
    split = [(index, *whole.split(" ")) for index, whole in enumerate(wholes)]
    return tuple(
        Endpoint(method, path, CODE, (), at(owner, "routes", index))
        for index, method, path in split
    )


def operations(owner: str, *wholes: str) -> tuple[Operation, ...]:
    split = [(index, *whole.split(" ")) for index, whole in enumerate(wholes)]
    return tuple(Operation(*words, at(owner, "code", index)) for index, *words in split)


def settled(*modules: Module) -> tuple[tuple[Precedence, ...], Problems]:
    problems = Problems()
    return settle_operations(modules, problems), problems


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("GET /a/{id}", "GET /a/{name}"),
        ("GET /a/{id}", "GET /a/{id:int}"),
        ("GET /a/{id}.json", "GET /a/{x}.json"),
        ("get /a", "GET /a"),
    ],
)
def test_f4_n3_refuses_one_operation_of_two_modules(one: str, other: str) -> None:
    found, problems = settled(
        module("a", endpoints=endpoints("a", one)), module("b", operations=operations("b", other))
    )
    (problem,) = problems.found
    assert found == ()
    assert problem.code == "XT0304"
    assert problem.place == at("b", "code", 0, "path")
    assert problem.others[0][0] == at("a", "routes", 0, "path")
    assert problem.message.startswith("`a` and `b` both claim the API route `GET /a")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("GET /a", "POST /a"),
        ("GET /a/{id}", "GET /a/new"),
        ("GET /a/{id}", "GET /a/{rest:path}"),
        ("GET /a", "GET /a/b"),
    ],
)
def test_different_operations_have_different_owners(one: str, other: str) -> None:
    _, problems = settled(
        module("a", operations=operations("a", one)), module("b", operations=operations("b", other))
    )
    assert said(problems) == []


def test_n3_refuses_an_endpoint_that_a_manifest_has_twice() -> None:
    _, problems = settled(module("a", endpoints=endpoints("a", "GET /x/{id}", "GET /x/{name}")))
    (problem,) = problems.found
    assert problem.message == "`a` claims the API route `GET /x/{name}` twice"
    assert problem.place == at("a", "routes", 1, "path")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("GET /x", "GET /x"),
        ("GET /x/{id}", "GET /x/{name}"),
        ("GET /x/{id:int}", "GET /x/{number:int}"),
    ],
)
def test_refuses_an_operation_that_the_code_of_one_module_has_twice(
    first: str, second: str
) -> None:
    _, problems = settled(module("a", operations=operations("a", first, second, "PUT /x")))
    (problem,) = problems.found
    assert problem.code == "XT0304"
    assert problem.message == f"`a` claims the API route `{second}` twice"
    assert problem.place == at("a", "code", 1, "path")
    assert [place for place, _ in problem.others] == [at("a", "code", 0, "path")]
    assert problem.help
    assert "remove the other" in problem.help


def test_refuses_an_endpoint_that_a_router_of_the_module_answers_too() -> None:
    answers = {"endpoints": endpoints("a", "GET /x"), "operations": operations("a", "GET /x")}
    (problem,) = settled(module("a", **answers))[1].found
    assert problem.place == at("a", "code", 0, "path")


@pytest.mark.parametrize(
    "second", ["HEAD /x/{id}", "POST /x/{id}", "GET /x/{id:int}", "GET /x/{id:path}", "GET /x/{a}/"]
)
def test_one_module_answers_different_operations(second: str) -> None:
    assert said(settled(module("a", operations=operations("a", "GET /x/{id}", second)))[1]) == []


def test_v19_a_module_that_overrides_has_an_operation_once_itself() -> None:
    base = module("base", operations=operations("base", "GET /x"))
    answers = operations("more", "GET /x", "GET /x")
    found, problems = settled(base, module("more", operations=answers, overrides=("base",)))
    assert [message for _, message in said(problems)] == [
        "`more` claims the API route `GET /x` twice"
    ]
    assert found == (Precedence("GET /x", ("more", "base")),)


def test_v19_module_that_overrides_another_answers_first() -> None:
    base = module("base", operations=operations("base", "GET /x/{id}", "GET /y"))
    other = module("more", operations=operations("more", "GET /x/{n}"), overrides=("base",))
    for modules in permutations([base, other]):
        found, problems = settled(*modules)
        assert said(problems) == []
        assert found == (Precedence("GET /x/{}", ("more", "base")),)


def test_v19_chain_of_overrides_is_a_total_order() -> None:
    answers = {name: operations(name, "GET /x") for name in "abc"}
    modules = [
        module("a", operations=answers["a"]),
        module("b", operations=answers["b"], overrides=("c", "a")),
        module("c", operations=answers["c"], overrides=("a",)),
    ]
    for shuffled in permutations(modules):
        found, problems = settled(*shuffled)
        assert said(problems) == []
        assert found == (Precedence("GET /x", ("b", "c", "a")),)


@pytest.mark.parametrize(
    "overrides",
    [
        {"a": ("b",), "b": ("a",)},
        {"a": ("b",), "b": ("c",), "c": ("a",)},
        {"a": ("b", "c")},
    ],
)
def test_v19_overrides_that_settle_nothing_are_refused(
    overrides: dict[str, tuple[str, ...]],
) -> None:
    names = sorted(set(overrides).union(*overrides.values()))
    modules = [
        module(name, operations=operations(name, "GET /x"), overrides=overrides.get(name, ()))
        for name in names
    ]
    for shuffled in permutations(modules):
        found, problems = settled(*shuffled)
        assert found == ()
        assert [each.code for each in problems.found] == ["XT0304"]


def test_refuses_a_page_where_an_operation_is() -> None:
    page = Route("a.x", "/x/:id", "x.vue", "", at("a", "menus", 0))
    answer = operations("b", "GET /x/{name}", "POST /x/{name}")
    _, problems = settled(module("a", routes=(page,)), module("b", operations=answer))
    (problem,) = problems.found
    assert problem.place == at("b", "code", 0, "path")
    assert problem.others[0][0] == at("a", "menus", 0, "path")


def unreachable(*modules: Module) -> Problems:
    problems = Problems()
    refuse_unreachable(modules, problems)
    return problems


PAGE = Route("b.x", "/shop/x/:id", "x.vue", "", at("b", "menus", 0))


@pytest.mark.parametrize("path", ["/{rest:path}", "/shop/{rest:path}", "/shop/x/{anything:path}"])
def test_b2_refuses_what_another_module_takes_whole(path: str) -> None:
    taker = module("a", operations=operations("a", f"GET {path}", f"PUT {path}"))
    answers = operations("b", "GET /shop/x/new", "POST /shop/x/new")
    for modules in permutations([taker, module("b", routes=(PAGE,), operations=answers)]):
        problems = unreachable(*modules)
        assert said(problems) == [
            ("XT0304", f"`{below}` of `b` is below `{path}`, which `a` answers")
            for below in ("/shop/x/:id", "/shop/x/new")
        ]
        assert {problem.others[0][0] for problem in problems.found} == {at("a", "code", 0, "path")}


def test_what_a_module_takes_whole_is_its_own_or_beside_others() -> None:
    own = module("a", operations=operations("a", "GET /shop/{rest:path}", "GET /shop/x"))
    beside = module("b", operations=operations("b", "GET /shopping/x", "GET /shop", "PUT /shop/x"))
    over = module("c", operations=operations("c", "GET /shop/y"), overrides=("a",))
    assert said(unreachable(own, beside, over)) == []


@pytest.mark.parametrize("path", ["/healthz", "/assets/x", "/api/_routes"])
def test_refuses_operations_on_paths_of_the_host(path: str) -> None:
    for part in (
        {"endpoints": endpoints("a", f"GET {path}")},
        {"operations": operations("a", f"GET {path}")},
    ):
        assert [message for _, message in said(unreachable(module("a", **part)))] == [
            f"`a` claims `{path}`, which the host serves itself"
        ]


def test_operation_below_a_refused_prefix_is_not_refused_again() -> None:
    router = Router("/healthz", CODE, at("a", "api"))
    below = operations("a", "GET /healthz/x", "GET /healthz")
    assert len(said(unreachable(module("a", routers=(router,), operations=below)))) == 1
    inner = module("b", routers=(Router("/x/y", CODE, at("b", "api")),))
    inner = module("b", routers=inner.routers, operations=operations("b", "GET /x/y/z"))
    app = module("c", apps=(App("/x", CODE, factory=False, place=at("c", "apps")),))
    assert len(said(unreachable(inner, app))) == 1


@pytest.mark.parametrize("path", ["/x", "/x/y"])
def test_refuses_operations_inside_of_another_application(path: str) -> None:
    app = App("/x", CODE, factory=False, place=at("a", "apps"))
    other = module("b", endpoints=endpoints("b", f"GET {path}"))
    (problem,) = unreachable(module("a", apps=(app,)), other).found
    assert problem.place == at("b", "routes", 0, "path")
    assert problem.others == ((at("a", "apps", "prefix"), "mounted by `a`"),)
    own = module("a", apps=(app,), endpoints=endpoints("a", f"GET {path}"))
    assert said(unreachable(own)) == []


def test_operation_deeper_than_a_wide_prefix_is_looked_at() -> None:
    wide = Router("/api", CODE, at("b", "api"))
    inner = module(
        "b", routers=(wide,), operations=operations("b", "GET /api/x/y", "GET /api/_routes")
    )
    app = module("a", apps=(App("/api/x", CODE, factory=False, place=at("a", "apps")),))
    assert [message for _, message in said(unreachable(app, inner))] == [
        "`/api/x/y` of `b` is inside of `/api/x`, which the application of `a` owns whole",
        "`b` claims `/api/_routes`, which the host serves itself",
    ]


def test_prefixes_may_nest_while_their_operations_differ() -> None:
    outer = module(
        "a", routers=(Router("/api", CODE, at("a")),), operations=operations("a", "GET /api/b/x")
    )
    inner = module(
        "b", routers=(Router("/api/b", CODE, at("b")),), operations=operations("b", "GET /api/b/y")
    )
    assert said(unreachable(outer, inner)) == []
    assert said(settled(outer, inner)[1]) == []
