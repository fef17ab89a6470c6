"""A module declares what it imports; what others bring along does not count."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support import workspace
from tests.support.examples import GOLDEN
from xtask.diagnostics import Problems
from xtask.package.declared import Installed, Seen, check_declared, imported, installed

if TYPE_CHECKING:
    from collections.abc import Mapping
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
PYYAML = {"yaml": frozenset({"pyyaml"})}


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


def record(name: str, *paths: str) -> dict[str, str]:
    """Return the RECORD of a distribution that holds files."""
    folder = f"{name}-6.0.dist-info"
    return {f"{folder}/RECORD": "".join(f"{path},,\n" for path in (*paths, f"{folder}/RECORD"))}


def test_record_says_which_distribution_a_name_comes_from(tmp_path: Path) -> None:
    workspace.write(tmp_path, record("PyYAML", "yaml/__init__.py", "_yaml.py"))
    assert installed(tmp_path).names == dict.fromkeys(("_yaml", "yaml"), frozenset({"pyyaml"}))


def test_only_what_can_be_imported_has_a_name(tmp_path: Path) -> None:
    files = ["ujson.cpython-311-x86_64-linux-gnu.so", "../../bin/u.py", "x-stubs/a.py", "u.pth"]
    workspace.write(tmp_path, record("ujson", *files, "share/readme.txt", "typed/a.pyi"))
    assert installed(tmp_path).names == {"ujson": frozenset({"ujson"})}


def test_distributions_may_share_a_namespace(tmp_path: Path) -> None:
    both = record("google_auth", "google/auth/a.py") | record("protobuf", "google/protobuf/a.py")
    workspace.write(tmp_path, both)
    found = installed(tmp_path).names
    assert found == {"google": frozenset({"google-auth", "protobuf"})}
    assert shop(tmp_path / "shop", "protobuf", names={"yaml": found["google"]}) == []


def shop(root: Path, *dependencies: str, names: Mapping[str, frozenset[str]] = PYYAML) -> list[str]:
    """Return what is noted of a module that imports `yaml` and declares these packages."""
    files = workspace.module("shop", '[host]\nmain = "shop:run"\n') | workspace.composition("shop")
    files["shop/pyproject.toml"] = workspace.project("shop", dependencies=dependencies)
    files["shop/src/shop/__init__.py"] = "import yaml\n\n\ndef run(): ...\n"
    selection = workspace.selection(workspace.write(root, files))
    uses = {"shop": imported(root / "shop", ["src/shop/__init__.py"])}
    problems = Problems()
    check_declared(selection, uses, Installed(root, names), problems)
    return [f"{problem.code} {problem.place}" for problem in problems.found]


def test_refuses_what_only_another_module_asks_for(tmp_path: Path) -> None:
    assert shop(tmp_path) == ["XT0402 shop/src/shop/__init__.py:1"]


def test_names_are_compared_as_the_index_does(tmp_path: Path) -> None:
    assert shop(tmp_path, "PyYAML>=6") == []


def test_each_dialect_says_what_its_platform_has() -> None:
    selection = workspace.selection(GOLDEN / "modules_of_five_systems")
    uses = {
        module.name: (Seen("sqlalchemy", path.rpartition("/")[2], 1, optional=False),)
        for module in selection.modules
        for path in [module.place.source.path]
    }
    names = {"sqlalchemy": frozenset({"sqlalchemy"})}
    problems = Problems()
    check_declared(selection, uses, Installed(GOLDEN, names), problems)
    refused = {problem.message.split("`")[1] for problem in problems.found}
    allowed = {module.dialect for module in selection.modules if module.name not in refused}
    assert allowed == {"flux", "fastvue", "capability", "bmc"}
    assert refused == {"host", "blog"}
