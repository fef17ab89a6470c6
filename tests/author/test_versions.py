"""A version is changed in every place that says it, and nowhere else."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.support import workspace
from tests.support.workspace import write
from xtask.author.scaffold import scaffold
from xtask.author.versions import next_version
from xtask.errors import InvalidError, UsageError
from xtask.pipeline.authoring.versioning import bump
from xtask.settings import Workspace

if TYPE_CHECKING:
    from pathlib import Path

HEAD = 'schema = 1\napp = "shop"\n'


def module(root: Path, name: str, dialect: str, **more: str) -> Workspace:
    """Write a workspace with one new module and other files."""
    files: dict[str, str | bytes] = {
        f"modules/{name}/{path}": data for path, data in scaffold(name, dialect).items()
    }
    line = f'[modules]\n{name} = {{ path = "modules/{name}" }}\n'
    write(root, files | {"modules.toml": HEAD + line} | more)
    return Workspace(root)


def everything(root: Path) -> dict[str, bytes]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


@pytest.mark.parametrize(
    ("dialect", "files"),
    [
        ("native", {"module.toml", "pyproject.toml"}),
        ("flux", {"module.json", "__init__.py"}),
        ("fastvue", {"__manifest__.py"}),
        ("capability", {"manifest.json"}),
        ("bmc", {"module.json"}),
    ],
)
def test_every_place_changes_and_nothing_else(
    tmp_path: Path, dialect: str, files: set[str]
) -> None:
    ours = module(tmp_path, "gifts", dialect)
    before = everything(tmp_path)
    done = bump(ours, "gifts", "minor")
    after = everything(tmp_path)
    assert {path for path in after if after[path] != before[path]} == set(done.files)
    assert set(done.files) == {f"modules/gifts/{file}" for file in files}
    for path in done.files:
        old, new = done.before.encode(), done.after.encode()
        assert (before[path].count(old), after[path].count(new)) == (after[path].count(new), 1)
        assert after[path].replace(new, old) == before[path]
    assert bump(ours, "gifts", "patch").before == done.after


@pytest.mark.parametrize(
    ("before", "level", "after"),
    [
        ("1.2.3", "patch", "1.2.4"),
        ("1.2.3", "minor", "1.3.0"),
        ("1.2.3", "major", "2.0.0"),
        ("2.0.0-rc.1", "major", "2.0.0"),
        ("1.2.3-rc.1", "minor", "1.3.0"),
        ("1.2.3+4", "patch", "1.2.4"),
    ],
)
def test_the_next_version_is_the_one_of_semver(before: str, level: str, after: str) -> None:
    assert next_version(before, level) == after  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("written", "level", "after"),
    [
        ("16.0.1.2.3", "minor", "16.0.1.3.0"),
        ("16.0.1.2.3", "major", "16.0.2.0.0"),
        ("saas~14.2.1.0.0", "patch", "saas~14.2.1.0.1"),
        ("16.0.1.0", "minor", "16.0.1.1"),
        ("16.0.1.0", "patch", "16.0.1.0.1"),
        ("1.0", "minor", "1.1"),
        ("1.0", "patch", "1.0.1"),
        ("1.2.3", "major", "2.0.0"),
    ],
)
def test_the_series_of_a_manifest_stays(
    tmp_path: Path, written: str, level: str, after: str
) -> None:
    ours = module(tmp_path, "gifts", "fastvue")
    path = tmp_path / "modules/gifts/__manifest__.py"
    text = f'# -*- coding: utf-8 -*-\r\n{{"name": "Ü", "version": \'{written}\',  # ours\r\n}}\r\n'
    path.write_bytes(text.encode())
    bump(ours, "gifts", level)  # type: ignore[arg-type]
    assert path.read_bytes().decode() == text.replace(written, after)


def test_a_registry_of_the_composition_that_lists_the_folder_is_one_of_the_places(
    tmp_path: Path,
) -> None:
    listed = {"version": "1.0.0", "description": "", "author": ""}
    modules = [
        {"name": "gifts", "path": "modules/gifts", **listed},
        {"name": "gifts", "path": "elsewhere/gifts", **listed, "version": "0.9.0"},
    ]
    registry = json.dumps({"name": "ours", "version": "1.0.0", "modules": modules}, indent=2)
    ours = module(tmp_path, "gifts", "flux", **{"registry.json": registry})
    (tmp_path / "modules.toml").write_text(
        (tmp_path / "modules.toml").read_text() + '[registries.ours]\nindex = "registry.json"\n'
    )
    assert "registry.json" in bump(ours, "gifts", "major").files
    read = json.loads((tmp_path / "registry.json").read_text())
    versions = [item["version"] for item in (read, *read["modules"])]
    assert versions == ["1.0.0", "2.0.0", "0.9.0"]


def test_a_version_in_pieces_is_refused_and_no_file_changes(tmp_path: Path) -> None:
    ours = module(tmp_path, "gifts", "flux")
    (tmp_path / "modules/gifts/__init__.py").write_text('__version__ = "1.0" ".0"\n')
    before = everything(tmp_path)
    with pytest.raises(UsageError, match="in one piece"):
        bump(ours, "gifts", "patch")
    assert everything(tmp_path) == before


@pytest.mark.parametrize(
    ("dialect", "file", "version"),
    [("bmc", "module.json", "0.0.0"), ("fastvue", "__manifest__.py", "1.0.0")],
)
def test_a_manifest_without_a_version_is_told_how_to_say_one(
    tmp_path: Path, dialect: str, file: str, version: str
) -> None:
    ours = module(tmp_path, "gifts", dialect)
    path = tmp_path / "modules/gifts" / file
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(line for line in lines if '"version"' not in line))
    before = everything(tmp_path)
    with pytest.raises(UsageError) as caught:
        bump(ours, "gifts", "minor")
    shown = f"modules/gifts/{file}"
    assert caught.value.message == f"`{shown}` does not say a version, so it counts as {version}"
    assert caught.value.help == f'write `"version": "{version}"` there, and bump it then'
    assert everything(tmp_path) == before


def test_two_versions_are_a_problem_before_they_are_bumped(tmp_path: Path) -> None:
    ours = module(tmp_path, "gifts", "flux")
    (tmp_path / "modules/gifts/__init__.py").write_text('__version__ = "1.0.1"\n')
    with pytest.raises(InvalidError):
        bump(ours, "gifts", "patch")


def test_a_file_that_cannot_be_written_leaves_all_as_they_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pathlib import Path as RealPath

    ours = module(tmp_path, "gifts", "native")
    before = everything(tmp_path)
    replace = RealPath.replace

    def full(self: Path, target: Path) -> Path:
        if target.name == "module.toml":
            raise OSError(28, "No space left on device")
        return replace(self, target)

    monkeypatch.setattr(RealPath, "replace", full)
    with pytest.raises(OSError, match="No space"):
        bump(ours, "gifts", "patch")
    assert everything(tmp_path) == before


def test_a_version_that_is_kept_elsewhere_is_not_ours_to_change(tmp_path: Path) -> None:
    commit = "0" * 40
    line = f'[modules]\nfar = {{ source = "git", git = "https://x.test/r", rev = "{commit}" }}\n'
    write(tmp_path, {"modules.toml": HEAD + line})
    for name, said in (("far", "`git`"), ("fra", "not in modules.toml")):
        with pytest.raises(UsageError, match=said):
            bump(Workspace(tmp_path), name, "patch")


def test_a_mode_stays(tmp_path: Path) -> None:
    write(tmp_path, workspace.composition("cart") | workspace.module("cart"))
    (tmp_path / "cart/module.toml").chmod(0o600)
    bump(Workspace(tmp_path), "cart", "patch")
    assert (tmp_path / "cart/module.toml").stat().st_mode & 0o777 == 0o600
