"""Wheels: the same files give the same bytes, and whatever goes wrong names its module."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING
from zipfile import ZipFile

import pytest

from tests.support import workspace
from xtask.errors import XtaskError
from xtask.package.sources import source_digest, source_files
from xtask.package.wheels import BuildError, Project, Wheel, WheelBuilder
from xtask.resolve.lock import BuildEnvironment, Package

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

OWN_BACK_END = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'


def project(
    root: Path, back_end: str = "hatchling.build", requires: tuple[str, ...] = ("hatchling",)
) -> Project:
    files = source_files(root)
    return Project(root.name, root, files, source_digest(files), back_end, requires)


def build_wheels(
    projects: Sequence[Project], environments: Sequence[BuildEnvironment], cache: Path
) -> dict[str, Wheel]:
    with WheelBuilder(projects, environments, cache) as builder:
        return builder.build()


def hatch(root: Path, name: str) -> Project:
    """Write a module that hatchling builds."""
    files = workspace.module(name) | {f"{name}/src/{name}/run.sh": "#!/bin/sh\n"}
    workspace.write(root, files)
    (root / name / f"src/{name}/run.sh").chmod(0o755)
    return project(root / name)


def own(root: Path, text: str) -> Project:
    """Write a module with a back end of its own that needs nothing installed."""
    workspace.write(root, {"pyproject.toml": OWN_BACK_END, "backend.py": text})
    return project(root, "backend in .", ())


@pytest.mark.requires("index")
def test_wheels_are_the_same_bytes_whatever_the_machine_looks_like(
    tmp_path: Path, hatchling: BuildEnvironment, cache: Path
) -> None:
    names = ["one", "two", "three", "four"]
    projects = [hatch(tmp_path / "a", name) for name in names]
    first = build_wheels(projects, [hatchling], cache)
    before = os.umask(0o077)
    try:
        projects = [hatch(tmp_path / "elsewhere/b", name) for name in reversed(names)]
        for item in projects:
            os.utime(item.root / "pyproject.toml", (1, 1))
        (cache / "wheels").rename(cache / "wheels-of-the-first-build")
        second = build_wheels(projects, [hatchling], cache)
    finally:
        os.umask(before)
    assert {name: wheel.digest for name, wheel in first.items()} == {
        name: second[name].digest for name in names
    }
    assert not any(wheel.cached for wheel in (*first.values(), *second.values()))
    with ZipFile(second["one"].path) as archive:
        assert "one/static/page.js" in archive.namelist()
        assert archive.getinfo("one/run.sh").external_attr >> 16 == 0o100755
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


@pytest.mark.requires("index")
def test_wheel_is_built_once_and_its_folder_stays_clean(
    tmp_path: Path, hatchling: BuildEnvironment, cache: Path
) -> None:
    kept = hatch(tmp_path, "kept")
    first = build_wheels([kept], [hatchling], cache)["kept"]
    second = build_wheels([kept], [hatchling], cache)["kept"]
    assert second == Wheel(first.path, first.digest, cached=True)
    assert source_files(kept.root) == kept.files
    first.path.unlink()
    assert build_wheels([kept], [hatchling], cache)["kept"].digest == first.digest


@pytest.mark.requires("index")
def test_one_broken_module_is_named_among_good_ones(
    tmp_path: Path, hatchling: BuildEnvironment, cache: Path
) -> None:
    good = [hatch(tmp_path, name) for name in ("left", "right")]
    broken = workspace.project("good").replace('name = "good"', 'name = "b a d"')
    workspace.write(tmp_path / "bad", {"pyproject.toml": broken})
    with pytest.raises(BuildError, match="module `bad` cannot be built") as caught:
        build_wheels([*good, project(tmp_path / "bad")], [hatchling], cache)
    assert "`project.name`" in caught.value.message
    assert caught.value.help
    assert len(build_wheels(good, [hatchling], cache)) == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("raise ValueError('no wheel today')", "no wheel today"),
        ("def build_wheel(*a, **k): raise RuntimeError('not possible')", "not possible"),
        ("def build_wheel(*a, **k): print('words before'); 1 / 0", "words before"),
        ("def build_wheel(*a, **k):\n  import sys; sys.exit(0)", "SystemExit"),
        ("def build_wheel(*a, **k):\n  import os; os._exit(0)", "ended its process"),
        ("x = ", "SyntaxError"),
        ("pass", "build_wheel"),
    ],
)
def test_broken_back_end_names_its_module(tmp_path: Path, text: str, said: str) -> None:
    broken = own(tmp_path / "broken", text)
    with pytest.raises(BuildError, match="module `broken` cannot be built") as caught:
        build_wheels([broken], [], tmp_path / "cache")
    assert said in caught.value.message
    assert [path for path in (tmp_path / "cache/wheels").iterdir() if path.is_dir()] == []


def test_refuses_requirements_that_are_not_locked(tmp_path: Path) -> None:
    greedy = own(
        tmp_path / "greedy", "def get_requires_for_build_wheel(c=None): return ['numpy>=2']\n"
    )
    with pytest.raises(BuildError, match="module `greedy` cannot be built") as caught:
        build_wheels([greedy], [], tmp_path / "cache")
    assert "its back end asks for numpy>=2" in caught.value.message


def test_refuses_files_that_change_while_they_are_built(tmp_path: Path) -> None:
    changing = own(tmp_path / "changing", "pass")
    (changing.root / "backend.py").write_text("something else")
    with pytest.raises(XtaskError, match=r"backend\.py changed while it was being built"):
        build_wheels([changing], [], tmp_path / "cache")


def test_back_end_cannot_write_into_the_workspace(tmp_path: Path) -> None:
    text = (
        "def build_wheel(folder, *a):\n  open('litter', 'w').close()\n  return pack(folder)\n"
        + PACK
    )
    tidy = own(tmp_path / "tidy", text)
    assert build_wheels([tidy], [], tmp_path / "cache")["tidy"].path.is_file()
    assert source_files(tidy.root) == tidy.files


PACK = """
def pack(folder):
    import zipfile
    with zipfile.ZipFile(folder + "/x-1-py3-none-any.whl", "w") as archive:
        archive.writestr("x.py", "")
    return "x-1-py3-none-any.whl"
"""


def reason(project: Project, environment: BuildEnvironment, cache: Path) -> str:
    return build_wheels([project], [environment], cache)[project.name].reason


@pytest.mark.requires("index")
def test_a_wheel_says_why_it_was_built(
    tmp_path: Path, hatchling: BuildEnvironment, cache: Path
) -> None:
    why = hatch(tmp_path, "why")
    own_cache = tmp_path / "cache"
    own_cache.mkdir()
    (own_cache / "build").symlink_to(cache / "build")
    assert reason(why, hatchling, own_cache) == "made for the first time"
    assert reason(why, hatchling, own_cache) == ""
    (why.root / "src/why/__init__.py").write_text("changed = 1\n")
    changed = project(why.root)
    assert reason(changed, hatchling, own_cache) == "source changed: src/why/__init__.py"
    for place in (own_cache / "wheels").glob("*/*.whl"):
        place.unlink()
    assert reason(changed, hatchling, own_cache) == "was gone from the cache"
    for version, said in (("1.0", "added"), ("2.0", "changed")):
        elsewhere = Package("winonly", version, ("sha256:00",), "sys_platform == 'win32'", ())
        more = BuildEnvironment(hatchling.requires, (*hatchling.packages, elsewhere))
        assert reason(changed, more, own_cache) == f"build requirement {said}: winonly"
