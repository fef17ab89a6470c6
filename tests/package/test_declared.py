"""A module declares what it imports; what others bring along does not count."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support import workspace
from xtask.diagnostics import Problems
from xtask.package.declared import Seen, check_declared, imported, providers

if TYPE_CHECKING:
    from pathlib import Path

CODE = """\
import os
from yaml import safe_load
from . import other
if True:
    import tomli.inner
try:
    import orjson
except ImportError:
    orjson = None
"""


def test_sees_absolute_imports_of_packages_with_their_first_line(tmp_path: Path) -> None:
    workspace.write(tmp_path, {"a.py": CODE, "b.py": "import yaml\nimport orjson\n"})
    assert imported(tmp_path, ["b.py", "a.py", "notes.txt"]) == (
        Seen("orjson", "b.py", 2, optional=False),
        Seen("tomli", "a.py", 5, optional=False),
        Seen("yaml", "a.py", 2, optional=False),
    )


def test_an_import_that_may_fail_is_optional(tmp_path: Path) -> None:
    workspace.write(tmp_path, {"a.py": CODE, "broken.py": "def"})
    found = {seen.name: seen.optional for seen in imported(tmp_path, ["a.py", "broken.py"])}
    assert found == {"orjson": True, "tomli": False, "yaml": False}


def test_record_says_which_distribution_a_name_comes_from(tmp_path: Path) -> None:
    listing = "yaml/__init__.py,,\n_yaml.py,,\nPyYAML-6.0.dist-info/RECORD,,\n"
    workspace.write(tmp_path, {"PyYAML-6.0.dist-info/RECORD": listing})
    assert providers(tmp_path) == {"_yaml": "pyyaml", "yaml": "pyyaml"}


def shop(root: Path, *dependencies: str) -> list[str]:
    """Return what is noted of a module that imports `yaml` and declares these packages."""
    files = workspace.module("shop", '[host]\nmain = "shop:run"\n') | workspace.composition("shop")
    files["shop/pyproject.toml"] = workspace.project("shop", dependencies=dependencies)
    files["shop/src/shop/__init__.py"] = "import yaml\n\n\ndef run(): ...\n"
    selection = workspace.selection(workspace.write(root, files))
    uses = {"shop": imported(root / "shop", ["src/shop/__init__.py"])}
    problems = Problems()
    check_declared(selection, uses, {"yaml": "pyyaml"}, problems)
    return [f"{problem.code} {problem.place}" for problem in problems.found]


def test_refuses_what_only_another_module_asks_for(tmp_path: Path) -> None:
    assert shop(tmp_path) == ["XT0402 shop/src/shop/__init__.py:1"]


def test_names_are_compared_as_the_index_does(tmp_path: Path) -> None:
    assert shop(tmp_path, "PyYAML>=6") == []
