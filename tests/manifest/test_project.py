"""A module's pyproject.toml, read as data and never run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support import workspace
from xtask.diagnostics import Problems
from xtask.manifest.dialects import read_module

if TYPE_CHECKING:
    from pathlib import Path

    from xtask.manifest.module import Module

NATIVE = '[module]\nname = "shop"\nversion = "1.0.0"\n'


def read(root: Path, project: str, text: str = "") -> tuple[Module, list[str]]:
    problems = Problems()
    workspace.write(root, {"module.toml": NATIVE + text, "pyproject.toml": project})
    module = read_module(root, "shop", problems)
    assert module
    return module, [f"{problem.code} {problem.message}" for problem in problems.found]


def test_takes_name_requirements_and_back_end(tmp_path: Path) -> None:
    module, found = read(
        tmp_path,
        '[build-system]\nrequires = ["b", "a"]\nbuild-backend = "flit_core.buildapi"\n'
        '[project]\nname = "Shop"\nversion = "1.0.0"\ndependencies = ["fastapi>=0.110", "x"]\n',
    )
    assert found == []
    assert module.distribution == "Shop"
    assert [item.text for item in module.dependencies] == ["fastapi>=0.110", "x"]
    assert module.dependencies[1].place.span()[:2] == (7, 35)
    assert (module.build_requires, module.build_back_end) == (("a", "b"), "flit_core.buildapi")


def test_project_without_build_system_has_the_standard_one(tmp_path: Path) -> None:
    module, found = read(tmp_path, '[project]\nname = "shop"\n')
    assert found == []
    assert module.build_requires == ("setuptools>=40.8.0",)
    assert module.build_back_end == "setuptools.build_meta:__legacy__"


def test_back_end_in_the_module_itself_is_like_no_other(tmp_path: Path) -> None:
    text = (
        '[build-system]\nrequires = []\nbuild-backend = "hatchling.build"\nbackend-path = ["."]\n'
    )
    module, found = read(tmp_path, text)
    assert found == []
    assert module.build_back_end == "hatchling.build in ."


@pytest.mark.parametrize(
    ("project", "expected"),
    [
        ("project = 1", "XT0203 `project` must be a table, not an integer"),
        ("build-system = []", "XT0203 `build-system` must be a table, not an array"),
        ("[project]\ndependencies = 5", "XT0203 `dependencies` must be an array, not an integer"),
        (
            "[project]\ndependencies = [1]",
            "XT0203 an entry of `dependencies` must be a string, not an integer",
        ),
        ("[project]\nname = []", "XT0203 `name` must be a string, not an array"),
        ("[project]\nversion = 1.0", "XT0203 `version` must be a string, not a number"),
        ("[project]\ndynamic = 5", "XT0203 `dynamic` must be an array, not an integer"),
        ("[build-system]\nrequires = 'x'", "XT0203 `requires` must be an array, not a string"),
        (
            "[build-system]\nrequires = ['a', 1]",
            "XT0203 an entry of `requires` must be a string, not an integer",
        ),
        (
            "[build-system]\nbuild-backend = 1",
            "XT0203 `build-backend` must be a string, not an integer",
        ),
        ("[project]\nversion = '1.0'", "XT0209 `shop` has two versions"),
        (
            "[project]\ndynamic = ['dependencies']",
            "XT0208 `dependencies` must be written down, not dynamic",
        ),
        ("[project", "XT0104 this is not TOML: Expected ']' at the end of a table declaration"),
    ],
)
def test_refuses_a_project_that_is_wrong(tmp_path: Path, project: str, expected: str) -> None:
    assert [expected] == read(tmp_path, project)[1]


@pytest.mark.parametrize(
    "part",
    [
        '[[api.routers]]\nprefix = "/a"\nrouter = "shop.x:y"\n',
        '[[api.apps]]\nprefix = "/a"\napp = "shop.x:y"\n',
        '[[jobs]]\nname = "shop.job"\nrun = "shop.x:y"\nschedule = "* * * * *"\n',
        '[[hooks]]\nevent = "a.b"\nrun = "shop.x:y"\n',
        '[host]\nmain = "shop.x:y"\n',
    ],
)
def test_code_needs_a_project(tmp_path: Path, part: str) -> None:
    problems = Problems()
    read_module(workspace.write(tmp_path, {"module.toml": NATIVE + part}), "shop", problems)
    assert [problem.code for problem in problems.found] == ["XT0211"]


def test_module_of_data_needs_no_project(tmp_path: Path) -> None:
    problems = Problems()
    module = read_module(workspace.write(tmp_path, {"module.toml": NATIVE}), "shop", problems)
    workspace.no_problems(problems)
    assert module
    assert module.distribution is None
