"""A module is told of what it declares and never uses, and of nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support import workspace
from xtask.diagnostics import Problems
from xtask.package.declared import imported, installed
from xtask.package.unused import warn_of_unused

if TYPE_CHECKING:
    from pathlib import Path


def distribution(name: str, *files: str, about: str = "", points: str = "") -> dict[str, str]:
    """Return the files of an installed distribution."""
    info = f"{name.replace('-', '_')}-1.0.dist-info"
    return {
        f"{info}/RECORD": "".join(f"{path},,\n" for path in files),
        f"{info}/METADATA": f"Metadata-Version: 2.4\nName: {name}\n{about}\n\nWords.\n",
        **({f"{info}/entry_points.txt": points} if points else {}),
    }


SITE = {
    **distribution("PyYAML", "yaml/__init__.py", "_yaml.py"),
    **distribution(
        "web",
        "web/__init__.py",
        about="Requires-Dist: core\nRequires-Dist: fast-loop>=1; extra == 'fast'",
        points="[console_scripts]\nweb = web:main\n",
    ),
    **distribution("core", "core/__init__.py"),
    **distribution("fast-loop", "fast_loop.cpython-311-x86_64-linux-gnu.so"),
    **distribution("types-web", "web-stubs/__init__.pyi"),
    **distribution("a-plugin", "a_plugin.py", points="[web.plugins]\na = a_plugin:load\n"),
    **distribution("tzdata", "tzdata/__init__.py"),
    **distribution("google-auth", "google/auth/__init__.py"),
    **distribution("protobuf", "google/protobuf/__init__.py"),
}


def unused(root: Path, dependency: str, code: str = "", tests: str = "") -> list[str]:
    """Return what is said of a module that declares a package, with that code."""
    files = workspace.module("shop", '[host]\nmain = "shop:run"\n') | workspace.composition("shop")
    files["shop/pyproject.toml"] = workspace.project("shop", dependencies=("core", dependency))
    files["shop/src/shop/__init__.py"] = f"import core\n{code}\n\ndef run(): ...\n"
    files["shop/tests/test_shop.py"] = tests
    selection = workspace.selection(workspace.write(root / "workspace", files))
    own = root / "workspace/shop"
    paths = [str(path.relative_to(own)) for path in own.rglob("*.*")]
    uses = {"shop": imported(own, ["src/shop/__init__.py"])}
    problems = Problems()
    third_party = installed(workspace.write(root / "site", SITE))
    warn_of_unused(selection, uses, {"shop": paths}, third_party, problems)
    assert problems.errors == []
    return [f"{item.code} {item.place.span()[:2]} {item.message}" for item in problems.found]


def test_warns_where_it_is_declared(tmp_path: Path) -> None:
    assert unused(tmp_path, "PyYAML>=6") == [
        "XT0403 (8, 25) `shop` declares `pyyaml` and imports nothing of it"
    ]


def test_what_another_package_needs_in_any_case_is_no_excuse(tmp_path: Path) -> None:
    assert len(unused(tmp_path, "web")) == 1


@pytest.mark.parametrize(
    "code",
    [
        "from yaml import safe_load",
        "import _yaml",
        "try:\n    import yaml\nexcept ImportError:\n    yaml = None",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import yaml",
        "def load():\n    import yaml.reader",
        "from importlib import import_module\nimport_module('yaml')",
        "LOADER = 'yaml.SafeLoader'",
        "URL = 'config+yaml://localhost/x'",
    ],
)
def test_is_used_by_any_import_and_by_any_name_in_a_string(tmp_path: Path, code: str) -> None:
    assert unused(tmp_path / "code", "pyyaml", code) == []
    assert unused(tmp_path / "tests", "pyyaml", tests=code) == []


def test_is_not_used_by_words_about_it(tmp_path: Path) -> None:
    assert len(unused(tmp_path, "pyyaml", '"""Nothing of yaml is here."""  # import yaml')) == 1


@pytest.mark.parametrize(
    "dependency",
    ["fast-loop", "types-web", "a-plugin", "tzdata", "web[fast]>=1", "not-here; os_name == 'nt'"],
)
def test_says_nothing_of_what_is_used_without_an_import(tmp_path: Path, dependency: str) -> None:
    assert unused(tmp_path, dependency) == []


def test_a_shared_namespace_is_used_by_an_import_of_any_part(tmp_path: Path) -> None:
    assert unused(tmp_path / "a", "protobuf", "from google.protobuf import message") == []
    assert unused(tmp_path / "b", "google-auth", "import google.protobuf") == []
    assert len(unused(tmp_path / "c", "protobuf")) == 1
