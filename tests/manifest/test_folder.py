"""A module's folder: what is in it is found, and nothing leads out of it."""

from __future__ import annotations

import fnmatch
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.budgets import budget
from tests.support.workspace import write
from xtask.manifest.folder import Folder

FILES = (
    "__init__.py",
    "static/src/app.js",
    "static/src/deep/er/page.vue",
    "static/[id].vue",
    "static/a+b.js",
    "static/new\nline.js",
)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    root = write(tmp_path / "modules" / "crm", dict.fromkeys(FILES, ""))
    write(tmp_path, {"outside.txt": "secret", "elsewhere/file": ""})
    return Folder(root, "modules/crm")


def test_the_name_is_the_last_step_of_the_shown_path() -> None:
    assert [Folder(Path("/x/y"), shown).name for shown in ("modules/crm", "crm", "a/crm/")] == [
        "crm",
        "crm",
        "crm",
    ]


def test_places_name_the_path_that_the_user_knows(folder: Folder) -> None:
    assert str(folder.place("static/a+b.js")) == "modules/crm/static/a+b.js:1"
    assert str(folder.place()) == "modules/crm:1"


@pytest.mark.parametrize("path", FILES)
def test_a_file_that_is_there_is_a_file_and_no_folder(folder: Folder, path: str) -> None:
    assert folder.has_file(path)
    assert not folder.has_folder(path)


def test_a_folder_that_is_there_is_a_folder_and_no_file(folder: Folder) -> None:
    assert folder.has_folder("static/src")
    assert folder.has_folder("")
    assert not folder.has_file("static/src")
    assert not folder.has_file("")


OUTSIDE = (
    "nothing ../outside.txt static/../../outside.txt static/../__init__.py /etc/passwd "
    "..\\outside.txt __init__.py\0 __init__.py/x \ud800"
)


@pytest.mark.parametrize("path", [*OUTSIDE.split(), "x" * 5000, "a/" * 5000], ids=ascii)
def test_nothing_else_is_there(folder: Folder, path: str) -> None:
    assert not folder.has_file(path)
    assert not folder.has_folder(path)


@pytest.mark.parametrize("target", ["../../outside.txt", "/etc/passwd", "loop", "nothing"])
def test_a_link_that_leads_out_or_nowhere_is_no_file(folder: Folder, target: str) -> None:
    (folder.root / "loop").symlink_to("loop")
    (folder.root / "link").symlink_to(target)
    (folder.root / "folder").symlink_to("../../elsewhere")
    assert not folder.has_file("link")
    assert not folder.has_file("folder/file")
    assert not folder.has_folder("folder")


def test_a_link_inside_and_a_root_that_is_a_link_lead_to_files(folder: Folder) -> None:
    (folder.root / "link").symlink_to("static/[id].vue")
    root = folder.root.parent / "other"
    root.symlink_to(folder.root)
    assert Folder(root, "modules/other").has_file("link")


def test_files_are_sorted_and_left_overs_are_not_there(folder: Folder) -> None:
    write(folder.root, {"node_modules/x.js": "", "a/__pycache__/x.pyc": "", ".git/HEAD": ""})
    (folder.root / "link").symlink_to("static")
    assert folder.files() == tuple(sorted([*FILES, "link"]))


def test_a_folder_that_is_not_there_has_no_files(tmp_path: Path) -> None:
    assert Folder(tmp_path / "nothing", "x").files() == ()


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("static/src/*.js", ["static/src/app.js"]),
        ("static/*.js", ["static/a+b.js", "static/new\nline.js"]),
        ("static/a+b.js", ["static/a+b.js"]),
        ("static/[id].vue", ["static/[id].vue"]),
        ("static/?id?.vue", ["static/[id].vue"]),
        ("**/*.vue", ["static/[id].vue", "static/src/deep/er/page.vue"]),
        ("static/**/*.js", ["static/a+b.js", "static/new\nline.js", "static/src/app.js"]),
        ("static/src/**", ["static/src/app.js", "static/src/deep/er/page.vue"]),
        ("**/src/**/page.vue", ["static/src/deep/er/page.vue"]),
        ("**/**/er/*", ["static/src/deep/er/page.vue"]),
        ("__init__.py/**", []),
        ("*", ["__init__.py"]),
        ("**", sorted(FILES)),
        ("static", []),
        ("static/", []),
        ("/static/*.js", []),
        ("../*", []),
        ("", []),
    ],
)
def test_a_glob_names_files_in_order(folder: Folder, pattern: str, expected: list[str]) -> None:
    assert list(folder.matching(pattern)) == expected


@budget(150)
@given(st.text("ab*?.", max_size=8), st.lists(st.text("ab.", min_size=1, max_size=5), max_size=4))
def test_a_glob_of_one_step_is_what_the_shell_means(
    tmp_path_factory: pytest.TempPathFactory, pattern: str, names: list[str]
) -> None:
    root = tmp_path_factory.mktemp("m")
    names = sorted({name for name in names if name.strip(".")})
    write(root, dict.fromkeys(names, ""))
    wanted = [name for name in names if fnmatch.fnmatchcase(name, pattern)]
    assert list(Folder(root, "m").matching(pattern)) == wanted


@pytest.mark.parametrize(
    "pattern", ["*a" * 60 + "b", "**/" * 60 + "b", "**/a/" * 30 + "b", "?*" * 60 + "b", "*" * 200]
)
def test_no_glob_takes_long(tmp_path: Path, pattern: str) -> None:
    write(tmp_path, {f"{'a/' * depth}{'a' * 200}": "" for depth in range(0, 60, 3)})
    started = time.process_time()
    Folder(tmp_path, "m").matching(pattern)
    assert time.process_time() - started < 1
