"""Modules in archives of the workspace: exactly the bytes that `modules.toml` names."""

from __future__ import annotations

import hashlib
import io
import shutil
import zipfile
from typing import TYPE_CHECKING

import pytest

from tests.support import workspace
from xtask.archives import ArchiveError
from xtask.cli import main
from xtask.errors import InvalidError, UntrustedError
from xtask.pipeline.building import planning
from xtask.pipeline.composing.compose import compose, write_lock
from xtask.settings import Workspace

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

MANIFEST = '[module]\nname = "audit"\nversion = "1.4.0"\n'
PATH = "vendor/audit-1.4.0.zip"


def zipped(files: Mapping[str, str]) -> bytes:
    """Return an archive; the same files give the same bytes."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, text in files.items():
            archive.writestr(zipfile.ZipInfo(name), text)
    return stream.getvalue()


def with_archive(root: Path, data: bytes, *, sha256: str = "", more: str = "") -> Workspace:
    digest = sha256 or hashlib.sha256(data).hexdigest()
    line = f'audit = {{ source = "archive", path = "{PATH}", sha256 = "{digest}" }}\n'
    text = f'schema = 1\napp = "shop"\n\n[modules]\n{line}{more}'
    workspace.write(root, {PATH: data, "modules.toml": text})
    return Workspace(root)


@pytest.mark.parametrize("top", ["audit-1.4.0/", "audit/", ""])
def test_v14_a_module_is_read_whether_or_not_one_folder_holds_it(tmp_path: Path, top: str) -> None:
    found = with_archive(tmp_path, zipped({f"{top}module.toml": MANIFEST}))
    composed = compose(found)
    assert [module.name for module in composed.selection.modules] == ["audit"]
    assert composed.selection.modules[0].place.source.path == f"{PATH}/module.toml"


def test_a_dialect_that_names_modules_by_their_folder_takes_the_name_of_the_entry(
    tmp_path: Path,
) -> None:
    files = {"__manifest__.py": "{'name': 'Audit', 'version': '1.4.0'}", "__init__.py": ""}
    found = with_archive(tmp_path, zipped({f"repository-main/{k}": v for k, v in files.items()}))
    assert [module.name for module in compose(found).selection.modules] == ["audit"]


def test_what_macos_added_is_no_second_folder_at_the_top(tmp_path: Path) -> None:
    files = {"audit/module.toml": MANIFEST, "__MACOSX/audit/._x": "x", ".DS_Store": "x"}
    root = compose(with_archive(tmp_path, zipped(files))).selection.modules[0].root
    assert root
    assert [path.name for path in root.iterdir()] == ["module.toml"]


def test_two_modules_in_an_archive_are_named(tmp_path: Path) -> None:
    data = zipped({"b/module.toml": MANIFEST, "a/module.toml": MANIFEST, "c/readme": ""})
    with pytest.raises(InvalidError) as caught:
        compose(with_archive(tmp_path, data))
    (problem,) = caught.value.problems
    assert problem.code == "XT0101"
    assert problem.message == f"`{PATH}` has no manifest, but `a` and `b` in it have one"


def test_an_archive_without_files_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match="has no files"):
        compose(with_archive(tmp_path, zipped({})))


def test_it_is_unpacked_once(tmp_path: Path) -> None:
    found = with_archive(tmp_path, zipped({"module.toml": MANIFEST}))
    root = compose(found).selection.modules[0].root
    assert root
    (root / "seen").write_text("")
    assert compose(found).selection.modules[0].root == root
    assert (root / "seen").exists()
    assert [path.name for path in (found.cache / "archives").iterdir()] == [root.name]
    shutil.rmtree(found.cache)
    compose(found)
    assert not (root / "seen").exists()


def test_another_archive_is_refused_before_and_after_the_right_one_was_unpacked(
    tmp_path: Path,
) -> None:
    right, wrong = zipped({"module.toml": MANIFEST}), zipped({"module.toml": MANIFEST + " "})
    found = with_archive(tmp_path, wrong, sha256=hashlib.sha256(right).hexdigest())
    for data in (wrong, b"", wrong):
        (tmp_path / PATH).write_bytes(data)
        with pytest.raises(UntrustedError, match=f"`audit` is .* {PATH} has another sha256"):
            compose(found)
        assert list((found.cache / "archives").iterdir()) == []
    (tmp_path / PATH).write_bytes(right)
    compose(found)
    (tmp_path / PATH).write_bytes(wrong)
    with pytest.raises(UntrustedError, match="has another sha256"):
        compose(found)
    assert main(["validate-manifest", "--workspace", str(tmp_path)]) == 5


def test_a_dangerous_archive_is_refused_though_its_digest_is_right(tmp_path: Path) -> None:
    found = with_archive(tmp_path, zipped({"module.toml": MANIFEST, "../evil": "x"}))
    with pytest.raises(ArchiveError, match="leads out of its folder"):
        compose(found)
    assert list((found.cache / "archives").iterdir()) == []
    assert not (found.cache / "evil").exists()


def test_problems_of_the_workspace_are_shown_before_an_archive_is_refused(tmp_path: Path) -> None:
    more = 'cart = { path = "cart" }\n'
    found = with_archive(tmp_path, b"no archive", sha256="0" * 64, more=more)
    with pytest.raises(InvalidError) as caught:
        compose(found)
    assert [problem.code for problem in caught.value.problems] == ["XT0108"]


def test_an_archive_that_is_not_there_is_named_with_its_place(tmp_path: Path) -> None:
    found = with_archive(tmp_path, b"")
    (tmp_path / PATH).unlink()
    with pytest.raises(InvalidError) as caught:
        compose(found)
    (problem,) = caught.value.problems
    assert (problem.code, str(problem.place)) == ("XT0108", "modules.toml:5")
    assert problem.message == f"there is no archive `{PATH}`"


def test_a_problem_inside_is_shown_at_its_place_in_the_archive(tmp_path: Path) -> None:
    broken = MANIFEST.replace("1.4.0", "one")
    found = with_archive(tmp_path, zipped({"top/module.toml": broken}))
    with pytest.raises(InvalidError) as caught:
        compose(found)
    (problem,) = caught.value.problems
    assert (problem.code, str(problem.place)) == ("XT0206", f"{PATH}/module.toml:3")


def test_the_lock_names_path_and_digest(tmp_path: Path) -> None:
    data = zipped({"module.toml": MANIFEST})
    found = with_archive(tmp_path, data)
    write_lock(compose(found), found, check=False, upgrade=[])
    digest = hashlib.sha256(data).hexdigest()
    assert f'source = "archive {PATH} {digest}"' in found.lock.read_text()
    assert write_lock(compose(found), found, check=True, upgrade=[]) == ""


def test_an_archive_decides_whether_anything_has_changed(tmp_path: Path) -> None:
    found = with_archive(tmp_path, zipped({"module.toml": MANIFEST}))
    composed = compose(found)
    found.generated.mkdir()
    root = composed.selection.modules[0].root
    assert root
    assert {f"{tmp_path}/{PATH}", str(root), f"{root}/module.toml"} <= {
        *planning.inputs(composed, found)
    }
