"""A product of all kinds of parts: its order, what is recorded of it, and what cannot be built."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from tests.resolve.products import CODE, at, module, named, said, selected
from xtask.diagnostics import Problems
from xtask.manifest.module import (
    FrontEndDependency,
    Hook,
    Navigation,
    Operation,
    Program,
    Route,
    Stated,
)
from xtask.resolve.operations import Precedence
from xtask.resolve.select import require_buildable

if TYPE_CHECKING:
    from pathlib import Path

    from xtask.manifest.module import Module

ONLY_CRM = '[settings]\ndefault_enabled = ["crm"]\n'


def parts(name: str) -> dict[str, object]:
    link = Navigation(name, "", 100, None, at(name, "menus"), f"/{name}", "CRM")
    return {
        "operations": (Operation("GET", "/api/x", at(name, "code")),),
        "routes": (Route(f"{name}.index", f"/{name}", "x.vue", "", at(name, "menus")),),
        "navigation": (link, link._replace(label="CRM", path="", parent="")),
        "front_end_dependencies": (FrontEndDependency("vue", "^3", at(name, "npm")),),
        "hooks": (Hook("vm.created", CODE, 1, at(name, "hooks")),),
    }


def product() -> list[Module]:
    return [
        module(
            "crm", dialect="capability", companions=named("crm", "with", "mail"), **parts("crm")
        ),
        module("bridge", auto_enabled_by=("crm",), overrides=("crm",), **parts("bridge")),
        module("mail", requires=named("mail", "requires", "base")),
        module("base", foreign=Stated("it is a Rust crate", at("base"))),
        module("unused"),
    ]


def test_order_of_the_input_changes_nothing(tmp_path: Path) -> None:
    seen, shuffle = set(), random.Random(1).shuffle  # noqa: S311 - no secret
    for _ in range(20):
        modules = product()
        shuffle(modules)
        found, problems = selected(tmp_path, modules, ONLY_CRM)
        names = tuple(each.name for each in found.modules)
        needs = tuple(sorted(found.needs.items()))
        told = tuple((str(each.place), each) for each in problems.warnings)
        recorded = (found.automatic, found.precedence, told)
        seen.add((names, needs, recorded))
    assert len(seen) == 1
    assert next(iter(seen))[0] == ("base", "bridge", "crm", "mail")


def test_selection_says_who_joined_and_who_answers_first(tmp_path: Path) -> None:
    found, problems = selected(tmp_path, product(), ONLY_CRM)
    assert problems.errors == []
    assert found.automatic == {"bridge"}
    assert found.precedence == (Precedence("GET /api/x", ("bridge", "crm")),)
    assert found.needs == {"base": (), "bridge": (), "crm": (), "mail": ("base",)}


def test_warnings_end_nothing(tmp_path: Path) -> None:
    _, problems = selected(tmp_path, product(), ONLY_CRM)
    assert [each.code for each in problems.warnings] == ["XT0312"]
    problems.raise_if_any()


def test_n9_front_end_requirements_are_part_of_what_is_checked(tmp_path: Path) -> None:
    old = FrontEndDependency("vue", "^2", at("old", "npm"))
    _, problems = selected(tmp_path, [*product(), module("old", front_end_dependencies=(old,))])
    assert ("XT0314", "no version of `vue` is in the ranges of `bridge` and `old`") in said(
        problems
    )


def test_modules_that_are_not_python_are_selected_and_not_built(tmp_path: Path) -> None:
    found, problems = selected(tmp_path, product(), ONLY_CRM)
    refused = Problems()
    require_buildable(found, refused)
    (problem,) = refused.found
    assert (problem.code, problem.place) == ("XT0216", at("base"))
    assert problem.message == "`base` cannot be built: it is a Rust crate"
    assert problems.errors == []


def test_v7_programs_that_the_image_lacks_are_each_refused_where_they_stand(tmp_path: Path) -> None:
    programs = tuple(Program(name, at("a", "bin", name)) for name in ("pdftotext", "wkhtmltopdf"))
    found, problems = selected(tmp_path, [module("a", programs=programs)])
    assert said(problems) == []
    refused = Problems()
    require_buildable(found, refused)
    assert [(each.code, each.place) for each in refused.found] == [
        ("XT0216", at("a", "bin", "pdftotext")),
        ("XT0216", at("a", "bin", "wkhtmltopdf")),
    ]
    assert refused.found[0].message == "`a` starts `pdftotext`, which is not in the image"


@pytest.mark.parametrize(
    ("package", "other", "expected"),
    [
        ("modules", "b", ["package `modules` would hide a package that every product has"]),
        ("generated", "b", ["package `generated` would hide a package that every product has"]),
        ("json", "b", ["package `json` would hide a package that every product has"]),
        ("app", "app.modules.b", ["package `app` would hide modules that are in it"]),
        ("app", "b", []),
        ("modules.json", "modules.fastapi", []),
    ],
)
def test_refuses_packages_that_would_hide_others(
    tmp_path: Path, package: str, other: str, expected: list[str]
) -> None:
    modules = [module("a", package=package), module("b", package=other)]
    _, problems = selected(tmp_path, modules)
    assert expected == [message for _, message in said(problems)]
