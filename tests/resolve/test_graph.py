"""Order, cycles and closure of graphs, against definitions that need no cleverness."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from tests.support.budgets import budget
from xtask.diagnostics import Place, Problems, Source
from xtask.resolve.graph import Edge, Edges, closure, order

NOWHERE = Place(Source("here"))
NAMES = st.sampled_from("abcdefgh")
GRAPHS = st.dictionaries(NAMES, st.frozensets(NAMES, max_size=3), max_size=8)


def edges(graph: dict[str, frozenset[str]]) -> Edges:
    return {
        name: tuple(Edge(other, None, NOWHERE) for other in sorted(graph.get(name, ())))
        for name in sorted(graph.keys() | set().union(*graph.values(), ()))
    }


def reachable(start: str, needs: Edges) -> set[str]:
    found: set[str] = set()
    frontier = {edge.module for edge in needs[start]}
    while frontier:
        found |= frontier
        frontier = {edge.module for name in frontier for edge in needs[name]} - found
    return found


@budget(200)
@given(GRAPHS)
def test_b12_each_stands_after_what_it_needs_and_cycles_are_left_out(
    graph: dict[str, frozenset[str]],
) -> None:
    needs, problems = edges(graph), Problems()
    ordered = order(needs, needs, problems)
    for position, name in enumerate(ordered):
        assert {edge.module for edge in needs[name]} <= set(ordered[:position])
    stuck = {n for n in needs if any(m in reachable(m, needs) for m in {n, *reachable(n, needs)})}
    assert stuck == set(needs) - set(ordered)


@budget(200)
@given(GRAPHS)
def test_every_group_in_a_cycle_is_reported_once_with_a_real_cycle(
    graph: dict[str, frozenset[str]],
) -> None:
    needs, problems = edges(graph), Problems()
    order(needs, needs, problems)
    groups = {
        frozenset({name} | {m for m in reachable(name, needs) if name in reachable(m, needs)})
        for name in needs
        if name in reachable(name, needs)
    }
    cycles = [problem.notes[0].split(" → ") for problem in problems.found]
    assert groups == {next(group for group in groups if cycle[0] in group) for cycle in cycles}
    assert len(groups) == len(cycles)
    for cycle in cycles:
        assert cycle[0] == cycle[-1]
        assert len(set(cycle)) == len(cycle) - 1
        for name, needed in pairwise(cycle):
            assert needed in {edge.module for edge in needs[name]}


@budget(100)
@given(GRAPHS, st.permutations("abcdefgh"))
def test_order_does_not_depend_on_the_order_of_the_input(
    graph: dict[str, frozenset[str]], names: list[str]
) -> None:
    needs = edges(graph)
    shuffled = {name: needs[name] for name in names if name in needs}
    assert order(needs, needs, Problems()) == order(shuffled, shuffled, Problems())


def test_alphabet_breaks_ties() -> None:
    needs = edges({"c": frozenset("a"), "b": frozenset(), "d": frozenset("c")})
    assert order(needs, needs, Problems()) == ("a", "b", "c", "d")


def test_alphabet_chooses_between_cycles_of_one_length() -> None:
    needs = edges({"a": frozenset("bcdefgh")} | dict.fromkeys("bcdefgh", frozenset("a")))
    problems = Problems()
    order(needs, needs, problems)
    assert [problem.notes for problem in problems.found] == [("a → b → a",)]


def test_shortest_cycle_through_the_first_name_is_shown() -> None:
    needs, problems = (
        edges({"a": frozenset("bc"), "b": frozenset("c"), "c": frozenset("a")}),
        Problems(),
    )
    order(needs, needs, problems)
    assert [problem.notes for problem in problems.found] == [("a → c → a",)]


@budget(100)
@given(GRAPHS, st.frozensets(NAMES, max_size=3))
def test_closure_is_what_can_be_reached(
    graph: dict[str, frozenset[str]], roots: frozenset[str]
) -> None:
    needs, problems = edges(graph), Problems()
    present = {name: NOWHERE for name in roots if name in needs}
    expected = set(present).union(*(reachable(name, needs) for name in present))
    assert expected == closure(present, needs, problems)
    assert problems.found == []


def test_what_is_missing_is_named_with_its_chain() -> None:
    needs: Edges = {
        "a": (Edge("b", None, NOWHERE),),
        "b": (Edge("nobody", "^1", NOWHERE),),
    }
    problems = Problems()
    assert closure({"a": NOWHERE}, needs, problems) == {"a", "b"}
    (problem,) = problems.found
    assert problem.code == "XT0301"
    assert problem.notes == ("asked for by `a` → `b` → `nobody`",)


def test_chain_of_ten_thousand_needs_no_deep_stack() -> None:
    names = [f"m{number:05}" for number in range(10_000)]
    needs = {a: (Edge(b, None, NOWHERE),) for a, b in pairwise(names)} | {names[-1]: ()}
    assert tuple(reversed(names)) == order(needs, needs, Problems())
    ring = needs | {names[-1]: (Edge(names[0], None, NOWHERE),)}
    problems = Problems()
    assert order(ring, ring, problems) == ()
    assert len(problems.found) == 1
    assert closure({names[0]: NOWHERE}, ring, Problems()) == set(names)
