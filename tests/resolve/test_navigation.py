"""The tree of navigation holds every link once, in an order that the input does not decide."""

from __future__ import annotations

from itertools import permutations
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from tests.resolve.products import at, module, said
from tests.support.budgets import budget
from xtask.diagnostics import Problems
from xtask.manifest.module import Navigation, Route
from xtask.resolve.navigation import Node, check_parents, navigation_tree, warn_of_repeats

if TYPE_CHECKING:
    from collections.abc import Iterator

    from xtask.manifest.module import Module


def link(owner: str, label: str, path: str = "", parent: str = "", **parts: object) -> Navigation:
    known = {"label": label, "route": "", "order": 100, "permission": None}
    known |= {"place": at(owner, "menus", label), "path": path, "parent": parent}
    return Navigation(**(known | parts))  # type: ignore[arg-type]


def shown(nodes: tuple[Node, ...]) -> list[object]:
    """Return labels, each with those below it."""
    return [(node.label, shown(node.children)) if node.children else node.label for node in nodes]


def walk(nodes: tuple[Node, ...]) -> Iterator[Node]:
    for node in nodes:
        yield node
        yield from walk(node.children)


def checked(*modules: Module) -> Problems:
    problems = Problems()
    check_parents(modules, problems)
    return problems


def test_v10_parent_is_a_label_or_a_path() -> None:
    links = [
        link("crm", "CRM", "/crm"),
        link("crm", "Leads", "/crm/leads", "CRM"),
        link("crm", "Deals", "/crm/deals", "/crm"),
    ]
    product = module("crm", navigation=tuple(links))
    assert shown(navigation_tree([product])) == [("CRM", ["Deals", "Leads"])]
    assert said(checked(product)) == []


def test_v10_parent_may_be_in_another_module_but_the_own_one_comes_first() -> None:
    base = module("agcm", navigation=(link("agcm", "Site", "/agcm"), link("agcm", "Setup")))
    bim = module(
        "bim", navigation=(link("bim", "BIM", "/agcm/bim", "/agcm"), link("bim", "X", "", "Setup"))
    )
    own = module("own", navigation=(link("own", "Setup"), link("own", "Y", "", "Setup")))
    for modules in permutations([base, bim, own]):
        tree = navigation_tree(modules)
        assert shown(tree) == [("Setup", ["X"]), ("Setup", ["Y"]), ("Site", ["BIM"])]
        assert said(checked(*modules)) == []


def test_v10_child_with_the_path_of_its_parent_is_below_it() -> None:
    links = (link("crm", "CRM", "/crm"), link("crm", "Dashboard", "/crm", "CRM"))
    more = link("crm", "Leads", "/leads", "/crm")
    product = module("crm", navigation=(*links, more))
    assert shown(navigation_tree([product])) == [("CRM", ["Dashboard", "Leads"])]


def test_parent_of_the_same_menu_counts_first() -> None:
    links = (
        link("a", "Settings", menu="admin", order=1),
        link("a", "Settings", menu="main", order=2),
        link("a", "Mine", parent="Settings"),
    )
    main, admin = navigation_tree([module("a", navigation=links)])[::-1]
    assert [main.menu, shown(main.children)] == ["main", ["Mine"]]
    assert [admin.menu, admin.children] == ["admin", ()]


def test_siblings_are_sorted_by_menu_order_and_label_without_case() -> None:
    links = [
        link("a", "beta"),
        link("a", "Alpha"),
        link("a", "alpha"),
        link("a", "Zeta", order=1),
        link("a", "First", menu="admin", order=900),
    ]
    expected = ["First", "Zeta", "Alpha", "alpha", "beta"]
    for shuffled in permutations(links):
        assert shown(navigation_tree([module("a", navigation=shuffled)])) == expected


def test_node_names_route_and_path_whichever_was_written() -> None:
    place = at("a", "pages")
    routes = (Route("a.x", "/x", "x.js", "", place), Route("a.y", "/y", "y.js", "", place))
    links = (link("a", "X", route="a.x"), link("a", "Y", "/y"), link("a", "Z", hidden=True))
    tree = navigation_tree([module("a", routes=routes, navigation=links)])
    expected = [("/x", "a.x", False), ("/y", "a.y", False), ("", "", True)]
    assert expected == [(node.path, node.route, node.hidden) for node in tree]


def test_link_by_route_may_be_a_parent_by_its_path() -> None:
    routes = (Route("a.x", "/x", "x.js", "", at("a", "pages")),)
    links = (link("a", "X", route="a.x"), link("a", "Below", parent="/x"))
    product = module("a", routes=routes, navigation=links)
    assert shown(navigation_tree([product])) == [("X", ["Below"])]


def test_refuses_a_parent_that_is_not_there() -> None:
    product = module("a", navigation=(link("a", "Sales"), link("a", "X", parent="Salse")))
    (problem,) = checked(product).found
    assert (problem.code, problem.place) == ("XT0307", at("a", "menus", "X", "parent"))
    assert problem.message == "no link is called `Salse`, nor leads there"
    assert problem.help == "did you mean `Sales`?"


def test_refuses_links_that_are_below_each_other() -> None:
    links = [link("a", "A", parent="B"), link("a", "B", parent="C"), link("a", "C", parent="A")]
    for shuffled in permutations(links):
        product = module("a", navigation=shuffled)
        (problem,) = checked(product).found
        assert (problem.code, problem.place) == ("XT0307", at("a", "menus", "A", "parent"))
        assert problem.notes == ("`A` below `B` below `C` below `A`",)
        assert shown(navigation_tree([product])) == [("A", [("C", ["B"])])]


def test_refuses_a_link_that_is_its_own_parent() -> None:
    product = module("a", navigation=(link("a", "A", "/a", "/a"),))
    (problem,) = checked(product).found
    assert problem.message == "the link `A` is below itself"
    assert shown(navigation_tree([product])) == ["A"]


def test_refuses_more_levels_than_people_can_find() -> None:
    def levels(count: int) -> Module:
        links = [link("a", f"L{n}", parent=f"L{n - 1}" if n else "") for n in range(count)]
        return module("a", navigation=tuple(links))

    assert said(checked(levels(16))) == []
    (problem,) = checked(levels(40)).found
    assert (problem.code, problem.place) == ("XT0204", at("a", "menus", "L16", "parent"))


def test_ten_thousand_links_of_one_name_take_no_time_and_no_stack() -> None:
    links = [link("a", "X", f"/{n}", "X") for n in range(5000)]
    links += [link("b", f"L{n}", parent=f"L{n - 1}" if n else "") for n in range(5000)]
    product = [
        module("a", navigation=tuple(links[:5000])),
        module("b", navigation=tuple(links[5000:])),
    ]
    top = navigation_tree(product)
    assert len(top) == 2
    count, waiting = 0, list(top)
    while waiting:
        node = waiting.pop()
        count += 1
        waiting.extend(node.children)
    assert count == 10_000


LABELS = st.sampled_from(["A", "a", "B", "C"])
PATHS = st.sampled_from(["", "/a", "/b"])
PARENTS = st.sampled_from(["", "", "A", "a", "B", "C", "/a", "/b", "nobody"])
LINKS = st.builds(
    lambda label, path, parent, order, menu: link("m", label, path, parent, order=order, menu=menu),
    LABELS,
    PATHS,
    PARENTS,
    st.integers(0, 1),
    st.sampled_from(["main", "admin"]),
)
MODULES = st.lists(st.lists(LINKS, max_size=5), max_size=3)


def product_of(parts: list[list[Navigation]]) -> list[Module]:
    return [module(f"m{n}", navigation=tuple(links)) for n, links in enumerate(parts)]


@budget(200)
@given(MODULES)
def test_tree_holds_every_link_exactly_once(parts: list[list[Navigation]]) -> None:
    said_by_modules = sorted(
        (f"m{n}", each.label, each.path, each.order, each.menu)
        for n, links in enumerate(parts)
        for each in links
    )
    tree = navigation_tree(product_of(parts))
    assert said_by_modules == sorted(
        (node.module, node.label, node.path, node.order, node.menu) for node in walk(tree)
    )


@budget(200)
@given(MODULES, st.randoms(use_true_random=False))
def test_order_of_the_input_changes_no_tree(parts: list[list[Navigation]], random: object) -> None:
    modules = product_of(parts)
    shuffled = [
        module(each.name, navigation=tuple(random.sample(each.navigation, len(each.navigation))))  # type: ignore[attr-defined]
        for each in random.sample(modules, len(modules))  # type: ignore[attr-defined]
    ]
    assert navigation_tree(modules) == navigation_tree(shuffled)


@budget(200)
@given(MODULES)
def test_only_links_without_a_parent_are_at_the_top_when_nothing_is_wrong(
    parts: list[list[Navigation]],
) -> None:
    modules = product_of(parts)
    tree = navigation_tree(modules)
    without = sum(not each.parent for links in parts for each in links)
    assert without <= len(tree)
    if said(checked(*modules)) == []:
        assert without == len(tree)


def repeats(*modules: Module) -> list[str]:
    problems = Problems()
    warn_of_repeats(modules, problems)
    assert problems.errors == []
    return [f"{item.code} {item.place} {item.others[0][0]}" for item in problems.found]


def test_warns_of_a_link_that_one_module_has_twice() -> None:
    first = link("a", "Cards", "/cards", place=at("a", "first"))
    again = link("a", "Cards", "/cards", order=7, icon="x", place=at("a", "again"))
    expected = f"XT0304 {at('a', 'again')} {at('a', 'first')}"
    assert repeats(module("a", navigation=(first, again))) == [expected]
    assert repeats(module("a", navigation=(first, again, again))) == [expected, expected]


def test_links_that_differ_are_no_repeats() -> None:
    links = [
        link("a", "Cards", "/cards"),
        link("a", "Gifts", "/cards"),
        link("a", "Cards", "/gifts"),
        link("a", "Cards", "/cards", menu="admin"),
        link("a", "Cards", "/cards", "Gifts"),
        link("a", "Cards", "/cards", permission="cards:read"),
        link("a", "Cards", "/cards", permission="cards:write"),
        link("a", "Cards"),
        link("a", "Cards", route="a.cards"),
    ]
    assert repeats(module("a", navigation=tuple(links))) == []
    assert repeats(*(module(name, navigation=tuple(links[:1])) for name in "ab")) == []
