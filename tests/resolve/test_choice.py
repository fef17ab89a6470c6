"""Disabled modules stay out or are an error; automatic ones join, and there is one fixpoint."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.resolve.products import at, composition, module, named, said, selected
from tests.support.budgets import budget
from xtask.diagnostics import Problems
from xtask.manifest.module import Stated
from xtask.resolve.choice import Choice, choose
from xtask.resolve.graph import edges_of
from xtask.resolve.lock import Lock, locked_modules, render_lock

if TYPE_CHECKING:
    from pathlib import Path

    from xtask.manifest.module import Module

OFF = Stated("`installable` is False", at("off", "installable"))


def listed(*names: str) -> str:
    return f"[settings]\ndefault_enabled = {list(names)}\n"


def test_disabled_module_is_left_out_without_a_word(tmp_path: Path) -> None:
    found, problems = selected(tmp_path, [module("off", disabled=OFF), module("on")])
    assert [each.name for each in found.modules] == ["on"]
    assert said(problems) == []


def test_refuses_to_enable_a_disabled_module(tmp_path: Path) -> None:
    found, problems = selected(tmp_path, [module("off", disabled=OFF)], listed("off"))
    (problem,) = problems.found
    assert (problem.code, str(problem.place)) == ("XT0311", "modules.toml:4")
    assert problem.others == ((OFF.place, OFF.text),)
    assert [each.name for each in found.modules] == ["off"]


def test_refuses_a_required_module_that_is_disabled(tmp_path: Path) -> None:
    made = composition(tmp_path, ["off"])
    entries = {"off": made.entries["off"]._replace(required=True)}
    problems, modules = Problems(), {"off": module("off", disabled=OFF)}
    chosen = choose(replace(made, entries=entries), modules, edges_of(made, modules), problems)
    assert said(problems) == [
        ("XT0311", "`off` is required, whose own manifest says that it is not to be used")
    ]
    assert chosen.names == {"off"}


@pytest.mark.parametrize("key", ["requires", "companions"])
def test_refuses_to_need_a_disabled_module(tmp_path: Path, key: str) -> None:
    modules = [module("off", disabled=OFF), module("on", **{key: named("on", key, "off")})]
    _, problems = selected(tmp_path, modules)
    (problem,) = problems.found
    assert (problem.code, problem.place) == ("XT0311", at("on", key, "off"))
    assert problem.message.startswith("`on` needs `off`, whose own manifest says")


def test_disabled_module_that_nobody_chose_may_need_another_one(tmp_path: Path) -> None:
    other = module("other", disabled=OFF, requires=named("other", "requires", "off"))
    _, problems = selected(tmp_path, [module("off", disabled=OFF), other, module("on")])
    assert said(problems) == []


def automatic(name: str, *by: str, **parts: object) -> Module:
    return module(name, auto_enabled_by=by, **parts)


def test_v5_automatic_module_joins_when_all_that_it_names_are_there(tmp_path: Path) -> None:
    bridge = automatic("bridge", "crm", "shop")
    modules = [bridge, module("crm"), module("shop")]
    for names, expected in [
        (("crm",), []),
        (("crm", "shop"), ["bridge"]),
        (("shop",), []),
        (("bridge",), []),
    ]:
        found, problems = selected(tmp_path, modules, listed(*names))
        assert said(problems) == []
        assert {each.name for each in found.modules} == {*names, *expected}
        assert sorted(found.automatic) == expected


def test_v5_automatic_module_brings_what_it_needs_and_these_bring_others(tmp_path: Path) -> None:
    modules = [
        module("crm"),
        automatic("bridge", "crm", requires=named("bridge", "requires", "mail")),
        module("mail"),
        automatic("late", "mail", "bridge"),
        automatic("never", "late", "nobody"),
    ]
    found, problems = selected(tmp_path, modules, listed("crm"))
    assert said(problems) == []
    assert [each.name for each in found.modules] == ["crm", "late", "mail", "bridge"]
    assert found.automatic == {"bridge", "late"}


def test_v5_module_without_conditions_always_joins(tmp_path: Path) -> None:
    found, _ = selected(tmp_path, [automatic("theme"), module("crm")], listed("crm"))
    assert found.automatic == {"theme"}


def test_disabled_module_never_joins_by_itself(tmp_path: Path) -> None:
    modules = [automatic("bridge", "crm", disabled=OFF), module("crm")]
    found, problems = selected(tmp_path, modules, listed("crm"))
    assert [each.name for each in found.modules] == ["crm"]
    assert said(problems) == []


def test_what_an_automatic_module_lacks_is_missing_with_its_chain(tmp_path: Path) -> None:
    bridge = automatic("bridge", "crm", requires=named("bridge", "requires", "nobody"))
    _, problems = selected(tmp_path, [bridge, module("crm")], listed("crm"))
    (problem,) = problems.found
    assert (problem.code, problem.place) == ("XT0301", at("bridge", "requires", "nobody"))
    assert problem.notes == ("asked for by `bridge` → `nobody`",)


def test_lock_says_which_modules_nobody_asked_for(tmp_path: Path) -> None:
    modules = [automatic("bridge", "crm"), module("crm")]
    found, _ = selected(tmp_path, modules, listed("crm"))
    locked = locked_modules(found.composition, found.modules, found.needs, found.automatic)
    assert {each.name: each.automatic for each in locked} == {"bridge": True, "crm": False}
    text = render_lock(
        Lock("interpreter", machine_local=True, modules=locked, packages=(), builds=())
    )
    assert text.count("automatic") == 1
    assert 'name = "bridge"' in text.split("automatic = true")[0].split("[[module]]")[-1]


NAMES = st.sampled_from("abcdefgh")
PARTS = st.tuples(
    st.frozensets(NAMES, max_size=2),
    st.none() | st.frozensets(NAMES, max_size=2),
    st.integers(0, 5).map(lambda number: number == 0),
)
PRODUCTS = st.dictionaries(NAMES, PARTS, min_size=1, max_size=8)


def made(parts: dict[str, tuple[frozenset[str], frozenset[str] | None, bool]]) -> dict[str, Module]:
    return {
        name: module(
            name,
            requires=named(name, "requires", *sorted(needs & parts.keys())),
            auto_enabled_by=None if by is None else tuple(sorted(by)),
            disabled=OFF if off else None,
        )
        for name, (needs, by, off) in parts.items()
    }


def chosen(root: Path, modules: dict[str, Module], asked: list[str]) -> Choice:
    product = composition(root, modules, listed(*asked))
    return choose(product, modules, edges_of(product, modules), Problems())


@budget(150)
@given(PRODUCTS, st.frozensets(NAMES, max_size=3))
def test_fixpoint_is_the_smallest_set_that_is_closed(
    tmp_path: Path,
    parts: dict[str, tuple[frozenset[str], frozenset[str] | None, bool]],
    asked: frozenset[str],
) -> None:
    modules = made(parts)
    found = chosen(tmp_path, modules, sorted(asked & parts.keys()))

    def is_closed(names: frozenset[str]) -> bool:
        return asked & parts.keys() <= names and all(
            (name not in names or needs & parts.keys() <= names)
            and (by is None or off or not by <= names or name in names)
            for name, (needs, by, off) in parts.items()
        )

    assert is_closed(found.names)
    every = sorted(parts)
    subsets = (
        frozenset(name for bit, name in enumerate(every) if number >> bit & 1)
        for number in range(1 << len(every))
    )
    assert found.names == frozenset.intersection(*filter(is_closed, subsets))


@budget(100)
@given(PRODUCTS, st.frozensets(NAMES, max_size=3), st.permutations("abcdefgh"))
def test_order_of_the_input_changes_no_choice(
    tmp_path: Path,
    parts: dict[str, tuple[frozenset[str], frozenset[str] | None, bool]],
    asked: frozenset[str],
    names: list[str],
) -> None:
    modules = made(parts)
    shuffled = {name: modules[name] for name in names if name in modules}
    first = chosen(tmp_path, modules, sorted(asked & parts.keys()))
    assert first == chosen(
        tmp_path, shuffled, [name for name in names if name in asked & parts.keys()]
    )


def test_chain_of_two_thousand_automatic_modules_joins_link_by_link(tmp_path: Path) -> None:
    modules = {"m0": module("m0")} | {
        f"m{number}": automatic(f"m{number}", f"m{number - 1}") for number in range(1, 2000)
    }
    assert len(chosen(tmp_path, modules, ["m0"]).automatic) == 1999
