"""Hostile text in manifests of five systems reaches generated files as literals only."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.property import attacks
from tests.property.verdicts import keys, plain, strange_code, strange_lines, strange_project
from tests.support import workspace
from xtask.generate.tree import generate

if TYPE_CHECKING:
    from pathlib import Path

COUNT = int(os.environ.get("XTASK_CAMPAIGN", "0")) or 200
PACKAGES = {"modules.crm", "host"}
GOOD = """
def load_modules__crm__api() -> Any:
    from modules.crm.api import router

    return router
MODULES: Final = (Module(name="a", routers=(Router(prefix="/", load=load_modules__crm__api),)),)
"""


def test_foreign_text_never_becomes_code(tmp_path: Path) -> None:
    found = list(attacks.outcomes(0, COUNT, tmp_path / "product"))
    accepted = [outcome for outcome in found if not outcome.codes]
    assert len(found) == COUNT
    assert len(accepted) > COUNT * 2 // 3  # otherwise little was compared
    assert min(outcome.nodes for outcome in accepted) > 1000
    assert min(outcome.texts for outcome in accepted) > 10
    assert COUNT // 3 < sum(outcome.begun for outcome in found) < COUNT
    assert COUNT // 3 < sum(outcome.added for outcome in found) < COUNT


def test_one_seed_makes_the_same_products(tmp_path: Path) -> None:
    first, again, other = (
        list(attacks.outcomes(seed, 8, tmp_path / folder))
        for seed, folder in ((3, "first"), (3, "again"), (4, "other"))
    )
    assert first == again != other


@pytest.mark.parametrize("dialect", attacks.DIALECTS)
def test_unchanged_product_has_every_system_and_is_accepted(dialect: str) -> None:
    selection = workspace.selection(attacks.BASE)
    assert attacks.DIALECTS[dialect] in {module.dialect for module in selection.modules}


@pytest.mark.parametrize(
    "source",
    [
        "import os",
        "from os import system",
        "from modules.crmx import api",
        "from modules.crm.api import router as other",
        "print('x')",
        "X: Final = 1",
        "APP: Final = open('x')",
        "APP: Final = f'{APP}'",
        "APP: Final = [1]",
        "MODULES: Final = (Module(name='a', load=print),)",
        "MODULES: Final = (Module('a'),)",
        "MODULES: Final = (Module(**{'name': 'a'}),)",
        "MODULES: Final = (Strange(name='a'),)",
        GOOD.replace("load=load_", "name=load_"),
        GOOD.replace("return router", "return router.x"),
        GOOD.replace("return router", "return router('x')"),
        GOOD.replace("return router", "router()\n    return router"),
        GOOD.replace("import router", "import router, other"),
        GOOD.replace("modules.crm.api", "os"),
        GOOD.replace("()", "(x=print())", 1),
        GOOD.replace("def load", "@print\ndef load"),
        GOOD.replace("def load", "async def load"),
        "if __name__ == '__main__':\n    run('x')",
        "if True:\n    run()",
        "class Module:\n    pass",
    ],
)
def test_notices_code_that_is_not_ours(source: str) -> None:
    assert list(strange_code(source, PACKAGES))


def test_takes_what_is_ours() -> None:
    assert list(strange_code(GOOD, PACKAGES)) == []
    assert list(strange_code(plain()["registry.py"], PACKAGES)) == []


@pytest.mark.parametrize(
    "line",
    [
        'alert("x");',
        '    title: "x" + alert("y"),',
        '    load: () => import("x").then(alert),',
        "    title: `x`,",
        '    title: "</script>",',
    ],
)
def test_notices_lines_of_a_route_map_that_are_not_ours(line: str) -> None:
    files = {file.name: file.data.decode() for file in generate(workspace.selection(attacks.BASE))}
    assert list(strange_lines(files["routes.ts"])) == []
    assert list(strange_lines(f"{files['routes.ts']}{line}\n"))


@pytest.mark.parametrize("name", ["modules-x.y", 'modules-x"\nscripts = "'])
def test_notices_a_project_that_says_more(name: str) -> None:
    modules = {module.name: module for module in workspace.selection(attacks.BASE).modules}
    assert [*strange_project(modules["crm"])] == []
    assert [*strange_project(replace(modules["crm"], distribution=name))]


def test_notices_keys_but_not_those_of_values() -> None:
    document = json.loads('{"a": [{"__proto__": 1}], "default": {"__proto__": 2}}')
    assert list(keys(document)).count("__proto__") == 1
