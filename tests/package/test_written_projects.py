"""A folder that is itself a package becomes a wheel in its namespace, as it is."""

from __future__ import annotations

import sys
import tomllib
from dataclasses import replace
from typing import TYPE_CHECKING
from zipfile import ZipFile

import pytest

from tests.support import workspace
from xtask.diagnostics import Place, Problems, Source
from xtask.manifest.folder import Folder
from xtask.manifest.module import Dependency, Module
from xtask.manifest.project import with_project, written_project
from xtask.package.sources import not_sources, source_digest, source_files, source_paths
from xtask.package.wheels import Project, Wheel, WheelBuilder
from xtask.process import run

if TYPE_CHECKING:
    from pathlib import Path

    from xtask.resolve.lock import BuildEnvironment

HERE = Place(Source("shop/module.json"))
FILES = {
    "module.json": "{}",
    "__init__.py": '__version__ = "1.2.0"\n',
    "routes.py": "from .services.names import router\n",
    "services/names.py": "router = 1\n",
    "frontend/pages/Main.tsx": "export default () => null;\n",
    "migrations/001_a.sql": "SELECT 1;\n",
    "build/app.py": "",
    "tests/test_shop.py": "import nobody_has_this\n",
    "services/tests/kept.py": "",
    ".gitignore": "*\n",
    "data/shop.sqlite3": "what the product wrote",
}


def module(root: Path, name: str = "gift-cards", package: str = "modules") -> Module:
    """Write a module of a dialect and return what is read of it."""
    folder = workspace.write(root / name, FILES)
    found = Module(
        name=name, version="1.2.0", description="", license=None, dialect="flux", place=HERE,
        package=f"{package}.{name.replace('-', '_')}", root=folder, is_package=True,
        runtime_folders=("data",),
    )  # fmt: skip
    return with_project(found, Folder(folder, name), Problems())


def project(found: Module, environment: BuildEnvironment) -> Project:
    assert found.root
    files = source_files(found.root, not_sources(found))
    return Project(
        name=found.name, root=found.root, files=files, digest=source_digest(files),
        back_end=found.build_back_end, requires=environment.requires,
        package=found.package.replace(".", "/"), written=written_project(found),
    )  # fmt: skip


def built(found: list[Module], environment: BuildEnvironment, cache: Path) -> dict[str, Wheel]:
    projects = [project(each, environment) for each in found]
    with WheelBuilder(projects, [environment], cache) as builder:
        return builder.build()


@pytest.mark.parametrize(
    "text", ['x; platform_version == "\U0001f600"', "x\x7f\u2028", 'x"]\ny = ["']
)
def test_any_text_of_a_requirement_is_the_text_of_the_project(tmp_path: Path, text: str) -> None:
    found = replace(module(tmp_path), dependencies=(Dependency(text, HERE),))
    assert tomllib.loads(written_project(found))["project"]["dependencies"] == [text]


@pytest.mark.requires("index")
def test_wheel_holds_the_folder_under_its_package_and_nothing_above(
    tmp_path: Path, hatchling: BuildEnvironment, cache: Path
) -> None:
    wheel = built([module(tmp_path)], hatchling, cache)["gift-cards"]
    assert wheel.path.name == "modules_gift_cards-1.2.0-py3-none-any.whl"
    with ZipFile(wheel.path) as archive:
        names = [name for name in archive.namelist() if ".dist-info/" not in name]
    kept = sorted(name for name in FILES if not name.startswith(("tests/", "data/")))
    assert sorted(names) == [f"modules/gift_cards/{name}" for name in kept]


@pytest.mark.requires("index")
def test_modules_share_the_namespace_and_import_each_in_its_own_way(
    tmp_path: Path, hatchling: BuildEnvironment, cache: Path
) -> None:
    found = [
        module(tmp_path, "pydantic"),
        module(tmp_path, "cards"),
        module(tmp_path / "bmc", "cards", "app.modules"),
    ]
    site = tmp_path / "site"
    for number, each in enumerate(found):
        (wheel,) = built([each], hatchling, cache / str(number)).values()
        with ZipFile(wheel.path) as archive:
            archive.extractall(site)
    names = [f"{each.package}.routes" for each in found]
    program = (
        f"import sys, importlib; sys.path.insert(0, {str(site)!r})\n"
        f"print([importlib.import_module(name).router for name in {names!r}])\n"
        "import modules, app\nprint(modules.__file__, app.__file__, 'pydantic' in sys.modules)\n"
    )
    said = run([sys.executable, "-I", "-S", "-c", program])
    assert said == "[1, 1, 1]\nNone None False\n"


@pytest.mark.requires("index")
def test_what_is_written_for_a_wheel_is_part_of_its_key(
    tmp_path: Path, hatchling: BuildEnvironment, cache: Path
) -> None:
    found = module(tmp_path, "keyed")
    first = built([found], hatchling, cache)["keyed"]
    again = built([found], hatchling, cache)["keyed"]
    needy = replace(found, dependencies=(Dependency("pluggy>=1.0", HERE),))
    other = built([needy], hatchling, cache)["keyed"]
    moved = built([replace(found, package="app.modules.keyed")], hatchling, cache)["keyed"]
    assert (again.digest, again.cached) == (first.digest, True)
    assert [wheel.cached for wheel in (other, moved)] == [False, False]
    assert len({first.digest, other.digest, moved.digest}) == 3
    with ZipFile(other.path) as archive:
        metadata = archive.read("modules_keyed-1.2.0.dist-info/METADATA").decode()
    assert "Requires-Dist: pluggy>=1.0\n" in metadata


@pytest.mark.parametrize(
    ("version", "written"),
    [
        ("1.2.3", "1.2.3"),
        ("1.2.3-rc.1", "1.2.3-rc.1"),
        ("1.2.3-alpha", "1.2.3-alpha"),
        ("1.2.3-beta.2+build.7", "1.2.3-beta.2"),
        ("1.2.3-rc.1.2", "1.2.3"),
        ("1.2.3-nightly", "1.2.3"),
        ("1.2.3-betamax", "1.2.3"),
        ("1.2.3+build", "1.2.3"),
        (None, "0"),
    ],
)
def test_version_is_the_module_s_as_far_as_python_knows_such(
    tmp_path: Path, version: str | None, written: str
) -> None:
    from packaging.version import Version

    text = written_project(replace(module(tmp_path), version=version))
    assert written == tomllib.loads(text)["project"]["version"]
    assert Version(written)


def test_same_module_gives_the_same_project(tmp_path: Path) -> None:
    assert written_project(module(tmp_path / "1")) == written_project(module(tmp_path / "2"))


def test_what_a_running_product_writes_is_no_source(tmp_path: Path) -> None:
    found = module(tmp_path)
    assert found.root
    before = source_files(found.root, not_sources(found))
    workspace.write(found.root, {"data/more.txt": "", "data/deep/x": ""})
    assert before == source_files(found.root, not_sources(found))
    looked_at = source_paths(found.root, not_sources(found))
    assert [path for path in looked_at if "/data" in path] == []
    workspace.write(found.root, {"services/data/x": ""})
    assert before != source_files(found.root, not_sources(found))


def test_tests_decide_the_digest_and_a_folder_called_build_is_code(tmp_path: Path) -> None:
    found = module(tmp_path)
    assert found.root
    names = {file.path for file in source_files(found.root, not_sources(found))}
    assert {"tests/test_shop.py", "build/app.py"} <= names
    native = replace(found, is_package=False, runtime_folders=())
    assert "build/app.py" not in {
        file.path for file in source_files(found.root, not_sources(native))
    }
