"""New modules: whole, in every dialect, from a name and nothing else."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.support import workspace
from xtask.author.scaffold import DIALECTS, scaffold
from xtask.cli import author
from xtask.errors import UsageError
from xtask.pipeline.composing.compose import compose
from xtask.settings import Workspace

if TYPE_CHECKING:
    from pathlib import Path

NAMES = {"capability": "gift-cards", "flux": "gift_cards", "fastvue": "gift_cards"}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_new_module_fits_at_once(tmp_path: Path, dialect: str) -> None:
    name = NAMES.get(dialect, "gift-cards")
    files = {f"modules/{name}/{path}": data for path, data in scaffold(name, dialect).items()}
    line = f'[modules]\n{name} = {{ path = "modules/{name}" }}\n'
    head = 'schema = 1\napp = "shop"\napp_version = "1.0.0"\n'
    workspace.write(tmp_path, files | {"modules.toml": head + line})
    composed = compose(Workspace(tmp_path))
    assert composed.warnings == ()
    (module,) = composed.selection.modules
    assert module.name == name
    assert module.routers or module.endpoints
    assert module.routes or dialect == "bmc"
    assert module.migrations or dialect == "fastvue"


@pytest.mark.parametrize("dialect", DIALECTS)
def test_nothing_waits_to_be_replaced(dialect: str) -> None:
    files = scaffold("qqq", dialect)
    for path, data in files.items():
        text = data.decode()
        assert not re.search(r"\{\{|\{%|TODO|FIXME|PACKAGE|TEMPLATE|MY_MODULE", path + text), path
        assert text == "" or text.endswith("\n")
        assert not text.endswith("\n\n")
    assert any("qqq" in data.decode() for data in files.values())


@pytest.mark.parametrize("dialect", DIALECTS)
def test_two_names_give_files_that_differ_in_the_name_only(dialect: str) -> None:
    first, second = scaffold("alpha", dialect), scaffold("gamma", dialect)
    renamed = {
        path.replace("alpha", "gamma"): data.replace(b"alpha", b"gamma").replace(b"Alpha", b"Gamma")
        for path, data in first.items()
    }
    assert second == renamed


@pytest.mark.parametrize(
    ("name", "dialect"),
    [
        ("Gift", "native"), ("", "native"), ("a" * 201, "native"), ("../up", "native"),
        ("class", "native"), ("gift-cards", "flux"), ("gift-cards", "fastvue"), ("import", "flux"),
        ("gift_cards", "capability"), ("ab", "capability"), ("a" * 51, "capability"),
        ("_template", "bmc"), ("{{ name }}", "bmc"),
    ],
)  # fmt: skip
def test_refuses_names_that_the_dialect_has_not(name: str, dialect: str) -> None:
    with pytest.raises(UsageError) as caught:
        scaffold(name, dialect)
    assert caught.value.help


def test_the_command_line_offers_what_there_is() -> None:
    from xtask.author.versions import LEVELS

    assert author.DIALECTS == DIALECTS
    assert author.LEVELS == LEVELS
