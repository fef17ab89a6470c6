"""Examples in the documentation are read by the code that they document."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

import xtask
from tests.acceptance.shop import Workspace, copy_of_reference_application
from xtask.diagnostics import Place, Problems, Source
from xtask.manifest.composition import read_composition
from xtask.manifest.dialects import native
from xtask.manifest.table import Table

ROOT = Path(xtask.__file__).parents[1]
PAGE = (ROOT / "docs" / "manifest.md").read_text()
COMPOSITION, MODULE = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)


def test_the_composition_example_has_only_keys_that_exist(tmp_path: Path) -> None:
    problems = Problems()
    path = tmp_path / "modules.toml"
    path.write_text(COMPOSITION)
    composition = read_composition(path, problems)
    assert problems.found == []
    assert composition
    entries = ["audit", "commerce", "content", "links", "mail", "metrics", "reports"]
    assert sorted(composition.entries) == entries


def test_the_module_example_has_only_keys_that_exist() -> None:
    problems = Problems()
    table = Table(tomllib.loads(MODULE), Place(Source("module.toml", MODULE)), problems, "it")
    native.read(table, None)
    assert [problem.message for problem in problems.found] == []


def test_the_error_in_the_readme_is_what_a_user_sees(tmp_path: Path) -> None:
    workspace = Workspace(copy_of_reference_application(tmp_path))
    workspace.edit("modules/content/module.toml", 'path = "/articles/:id"', 'path = "/pages/:id"')
    said = workspace.xtask("validate-manifest")
    shown = re.findall(r"```text\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)[0]
    assert said.err == f"{shown}\n1 problem found\n"


@pytest.mark.parametrize("page", sorted(ROOT.glob("docs/**/*.md")), ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_links_of_the_readme_lead_somewhere() -> None:
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", (ROOT / "README.md").read_text())
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []
