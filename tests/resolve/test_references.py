"""What modules refer to by name is there; an event that nobody publishes is worth a word."""

from __future__ import annotations

import pytest

from tests.resolve.products import CODE, at, module, said
from xtask.diagnostics import Problems
from xtask.manifest.module import Endpoint, Event, Hook, Module, Navigation, Permission, Route
from xtask.resolve.references import check_references


def route(owner: str, path: str, *permissions: str) -> Route:
    name = f"{owner}.{path.strip('/') or 'index'}"
    return Route(name, path, "page.js", "", at(owner, "pages", path), permissions)


def link(owner: str, path: str = "", **parts: object) -> Navigation:
    known = {"label": "Link", "route": "", "order": 100, "permission": None}
    place = at(owner, "menus", path or "group")
    return Navigation(**(known | {"place": place, "path": path} | parts))  # type: ignore[arg-type]


def checked(*modules: Module) -> Problems:
    problems = Problems()
    check_references(modules, problems)
    return problems


def test_v10_n8_link_leads_to_the_path_of_any_page() -> None:
    pages = module("a", routes=(route("a", "/crm"), route("a", "/crm/:id")))
    links = module("b", navigation=(link("b", "/crm"),))
    assert said(checked(links, pages)) == []


def test_n8_refuses_a_link_to_a_path_that_no_page_has() -> None:
    pages = module("a", routes=(route("a", "/modules/chat"),))
    links = module("b", navigation=(link("b", "/module/chat"), link("b", "/elsewhere")))
    first, second = checked(pages, links).found
    assert (first.code, first.place) == ("XT0307", at("b", "menus", "/module/chat", "path"))
    assert first.help == "did you mean `/modules/chat`?"
    assert second.message == "navigation leads to `/elsewhere`, which is not a route"
    assert second.help == "write the path of a page"


def test_refuses_a_link_that_cannot_know_the_parameters_unless_it_is_hidden() -> None:
    page = route("a", "/crm/:id")
    shown = module("a", routes=(page,), navigation=(link("a", "/crm/:id"),))
    hidden = module("a", routes=(page,), navigation=(link("a", "/crm/:id", hidden=True),))
    (problem,) = checked(shown).found
    assert problem.message == "navigation cannot lead to `/crm/:id`: it has parameters"
    assert problem.others[0][0] == page.place.at("path")
    assert said(checked(hidden)) == []


def test_link_that_leads_nowhere_only_groups() -> None:
    assert said(checked(module("a", navigation=(link("a"),)))) == []


def endpoint(owner: str, *permissions: str) -> Endpoint:
    return Endpoint("GET", "/x", CODE, permissions, at(owner, "routes", 0))


@pytest.mark.parametrize(
    ("parts", "place"),
    [
        ({"routes": (route("a", "/x", "vm:raed"),)}, at("a", "pages", "/x", "permissions")),
        ({"endpoints": (endpoint("a", "vm:raed"),)}, at("a", "routes", 0, "permissions")),
        (
            {"navigation": (link("a", permission="vm:raed"),)},
            at("a", "menus", "group", "permission"),
        ),
    ],
    ids=["route", "endpoint", "navigation"],
)
def test_f6_refuses_a_permission_that_nobody_declares(
    parts: dict[str, object], place: object
) -> None:
    rights = module("b", permissions=(Permission("vm:read", "", at("b", "permissions", 0)),))
    (problem,) = checked(module("a", **parts), rights).found
    assert (problem.code, problem.place) == ("XT0307", place)
    assert problem.message == "nobody declares the permission `vm:raed`"
    assert problem.help == "did you mean `vm:read`?"


def test_permission_may_be_declared_by_another_module() -> None:
    rights = module("b", permissions=(Permission("vm:read", "", at("b", "permissions", 0)),))
    assert said(checked(module("a", routes=(route("a", "/x", "vm:read"),)), rights)) == []


def test_permission_that_many_ask_for_is_one_problem_with_all_places() -> None:
    page = route("a", "/x", "p")
    same_part = link("a", "/x", permission="p")._replace(place=page.place)
    parts = {"routes": (page,), "navigation": (same_part,), "endpoints": (endpoint("a", "p"),)}
    (problem,) = checked(module("a", **parts)).found
    assert problem.place == page.place.at("permission")
    assert [place for place, _ in problem.others] == [at("a", "routes", 0, "permissions")]


def listening(name: str, event: str, dialect: str = "capability", **parts: object) -> Module:
    hook = Hook(event, CODE, 100, at(name, "listeners", 0))
    return module(name, dialect=dialect, hooks=(hook,), **parts)


def emitting(name: str, *events: str) -> Module:
    return module(name, dialect="capability", emits=tuple(Event(e, at(name, e)) for e in events))


def test_n7_warns_of_an_event_that_nobody_publishes() -> None:
    problems = checked(listening("a", "vm.creatd"), emitting("b", "vm.created"))
    (problem,) = problems.warnings
    assert (problem.code, problem.place) == ("XT0312", at("a", "listeners", 0, "event"))
    assert problem.help == "did you mean `vm.created`?"
    assert problems.errors == []


@pytest.mark.parametrize(
    "modules",
    [
        (listening("a", "vm.created"), emitting("b", "vm.created")),
        (listening("a", "shop.order.placed"), emitting("b", "x"), module("shop")),
        (listening("a", "gift-cards.used", "native"), emitting("b", "x"), module("gift_cards")),
        (listening("a", "after_module_enable", "Flux"), emitting("b", "x")),
        (listening("a", "post_init", "fastvue"), emitting("b", "x")),
        (listening("a", "on_started", "Flux"), module("b")),
        (listening("a", "on_vm_created", "Flux"), emitting("b", "vm.created")),
        (listening("a", "on_gift_cards_used", "Flux"), emitting("b", "x"), module("gift-cards")),
    ],
    ids=[
        *("published", "of a native module", "folded name", "Flux", "FastVue", "nobody says"),
        *("published, as Flux names it", "of a native module, as Flux names it"),
    ],
)
def test_n7_says_nothing_of_events_that_may_be_published(modules: tuple[Module, ...]) -> None:
    assert said(checked(*modules)) == []


def test_n7_suggests_the_name_that_a_hook_of_flux_has() -> None:
    (problem,) = checked(
        listening("a", "on_vm_creatd", "Flux"), emitting("b", "vm.created")
    ).warnings
    assert problem.help == "did you mean `on_vm_created`?"


@pytest.mark.parametrize(
    "modules",
    [
        (listening("a", "vm.created"),),
        (listening("a", "on_started", "Flux"), emitting("b", "x")),
        (listening("a", "b.y"), emitting("b", "b.x")),
    ],
    ids=["capability alone", "once anybody says", "of a module that says what it publishes"],
)
def test_n7_warns_as_soon_as_modules_say_what_they_publish(modules: tuple[Module, ...]) -> None:
    assert [each.code for each in checked(*modules).warnings] == ["XT0312"]
