"""What was chosen works together: companions, conflicts, and the application's version."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.resolve.products import at, module, named, said, selected
from xtask.manifest.module import Stated

if TYPE_CHECKING:
    from pathlib import Path

ONLY_A = '[settings]\ndefault_enabled = ["a"]\n'


def companions(*names: str, versions: str = "") -> dict[str, object]:
    return {"companions": named("a", "co_requisites", *names, versions=versions)}


def test_companions_join_the_product_in_any_order(tmp_path: Path) -> None:
    other = module("b", companions=named("b", "co_requisites", "a"))
    found, problems = selected(tmp_path, [module("a", **companions("b")), other], ONLY_A)
    assert said(problems) == []
    assert [each.name for each in found.modules] == ["a", "b"]
    assert found.needs == {"a": (), "b": ()}


def test_companion_may_be_needed_the_other_way_round(tmp_path: Path) -> None:
    other = module("b", requires=named("b", "requires", "a"))
    found, problems = selected(tmp_path, [module("a", **companions("b")), other])
    assert said(problems) == []
    assert [each.name for each in found.modules] == ["a", "b"]


def test_missing_companion_is_named_with_its_chain(tmp_path: Path) -> None:
    _, problems = selected(tmp_path, [module("a", **companions("nobody"))])
    (problem,) = problems.found
    assert (problem.code, problem.place) == ("XT0301", at("a", "co_requisites", "nobody"))
    assert problem.notes == ("asked for by `a` → `nobody`",)


def test_b12_version_of_a_companion_is_checked(tmp_path: Path) -> None:
    _, problems = selected(tmp_path, [module("a", **companions("b", versions="^2")), module("b")])
    (problem,) = problems.found
    assert (problem.code, problem.place) == ("XT0303", at("a", "co_requisites", "b"))


@pytest.mark.parametrize("key", ["requires", "companions"])
def test_need_without_a_range_takes_prereleases_too(tmp_path: Path, key: str) -> None:
    modules = [module("a", **{key: named("a", key, "b")}), module("b", version="1.0.0-rc.1")]
    assert said(selected(tmp_path, modules)[1]) == []


def test_need_whose_name_could_not_be_read_is_no_need(tmp_path: Path) -> None:
    modules = [module("a", requires=named("a", "requires", ""), **companions(""))]
    assert said(selected(tmp_path, modules)[1]) == []


@pytest.mark.parametrize(
    ("versions", "version", "codes"),
    [
        ("", "1.0.0", ["XT0309"]),
        ("^1", "1.2.0", ["XT0309"]),
        ("<2", "2.0.0", []),
        (">=2", None, []),
    ],
)
def test_refuses_two_modules_of_which_one_excludes_the_other(
    tmp_path: Path, versions: str, version: str | None, codes: list[str]
) -> None:
    one = module("a", conflicts=named("a", "excludes", "b", versions=versions))
    other = module("b", version=version)
    _, problems = selected(tmp_path, [one, other])
    assert codes == [each.code for each in problems.found]
    for problem in problems.found:
        assert problem.place == at("a", "excludes", "b")
        assert [place for place, _ in problem.others] == [at("b", "version")]


def test_conflict_that_both_declare_is_one_problem_with_both_places(tmp_path: Path) -> None:
    one = module("a", conflicts=named("a", "excludes", "b"))
    other = module("b", conflicts=named("b", "excludes", "a"))
    _, problems = selected(tmp_path, [other, one])
    (problem,) = problems.found
    assert problem.place == at("a", "excludes", "b")
    assert problem.others == ((at("b", "excludes", "a"), "and `b` not with `a`"),)


def test_conflict_with_what_is_not_chosen_is_none(tmp_path: Path) -> None:
    modules = [module("a", conflicts=named("a", "excludes", "b", "nobody")), module("b")]
    assert said(selected(tmp_path, modules, ONLY_A)[1]) == []


@pytest.mark.parametrize("kind", ["conflicts", "companions", "app_range"])
def test_refuses_what_is_not_a_range(tmp_path: Path, kind: str) -> None:
    parts: dict[str, object] = {kind: named("a", kind, "b", versions="latest")}
    if kind == "app_range":
        parts = {kind: Stated("latest", at("a", kind, "b"))}
    _, problems = selected(tmp_path, [module("a", **parts), module("b")])
    assert [(each.code, each.place) for each in problems.found] == [("XT0207", at("a", kind, "b"))]


WORKS_WITH = Stated(">=2.1.0", at("a", "min_app_version"))


@pytest.mark.parametrize("version", ["2.1.0", "3.0.0"])
def test_f11_module_works_with_a_newer_application(tmp_path: Path, version: str) -> None:
    text = f'app_version = "{version}"'
    assert said(selected(tmp_path, [module("a", app_range=WORKS_WITH)], text)[1]) == []


def test_f11_refuses_an_application_that_is_too_old(tmp_path: Path) -> None:
    modules = [module("a", app_range=WORKS_WITH)]
    _, problems = selected(tmp_path, modules, 'app_version = "2.0.9"')
    (problem,) = problems.found
    assert (problem.code, problem.severity) == ("XT0310", "error")
    assert problem.place == WORKS_WITH.place
    assert [str(place) for place, _ in problem.others] == ["modules.toml:3"]


def test_f11_application_without_a_version_is_worth_a_word(tmp_path: Path) -> None:
    _, problems = selected(tmp_path, [module("a", app_range=WORKS_WITH)])
    (problem,) = problems.warnings
    assert (problem.code, problem.place) == ("XT0310", WORKS_WITH.place)
    assert problems.errors == []


@pytest.mark.parametrize("text", ["*", ">=0.0.0"])
def test_every_application_will_do_for_a_module_that_says_so(tmp_path: Path, text: str) -> None:
    stated = Stated(text, at("a", "min_app_version"))
    assert said(selected(tmp_path, [module("a", app_range=stated)])[1]) == []
