"""Where modules come from: every source says all it needs, and search paths are no lottery."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support import workspace
from xtask.diagnostics import Problems
from xtask.manifest.composition import read_composition
from xtask.manifest.entries import PathSource, search_folder

if TYPE_CHECKING:
    from pathlib import Path

    from xtask.manifest.composition import Composition

HEAD = 'schema = 1\napp = "shop"\n'
SEARCH = HEAD + '[modules]\nmail = { source = "search" }\n[search]\npaths = ["a", "b"]\n'
DIGEST = "0123456789abcdef" * 4


def read(root: Path, text: str) -> tuple[Composition, list[str]]:
    problems = Problems()
    workspace.write(root, {"modules.toml": text})
    composition = read_composition(root / "modules.toml", problems)
    assert composition
    return composition, [f"{found.code} {found.place.span()[:2]}" for found in problems.found]


def found_in(root: Path, text: str) -> tuple[str | None, Problems]:
    composition, codes = read(root, text)
    assert codes == []
    problems = Problems()
    return search_folder(composition.entries["mail"], composition, root, problems), problems


@pytest.mark.parametrize(
    ("entry", "code", "shown"),
    [
        ('source = "registry"', "XT0202", "{"),
        ('source = "registry", registry = "comunity"', "XT0204", '"comunity"'),
        ('source = "registry", registry = "community", module = "A"', "XT0205", '"A"'),
        ('source = "registry", registry = "community", package = "a"', "XT0201", "package"),
        ('source = "archive", path = "x.zip"', "XT0202", "{"),
        (f'source = "archive", sha256 = "{DIGEST}"', "XT0202", "{"),
        ('source = "archive", path = "x.zip", sha256 = "abc"', "XT0205", '"abc"'),
        (f'source = "archive", path = "x", sha256 = "{DIGEST.upper()}"', "XT0205", '"0123'),
        ('source = "search", path = "x"', "XT0201", "path"),
        ('source = "crates-io", version = "1"', "XT0202", "{"),
        ('source = "crates-io", crate = "x", version = "1 || 2"', "XT0207", '"1 || 2"'),
        ('source = "crates-io", crate = "x y"', "XT0205", '"x y"'),
    ],
)
def test_a_source_that_does_not_say_all_is_noted_where_it_is(
    tmp_path: Path, entry: str, code: str, shown: str
) -> None:
    line = f"x = {{ {entry} }}"
    text = f'{HEAD}[modules]\n{line}\n[registries.community]\nindex = "r.json"\n'
    composition, codes = read(tmp_path, text)
    assert codes == [f"{code} (4, {line.index(shown) + 1})"]
    if code == "XT0202":
        assert composition.entries["x"].source == PathSource("")


def test_a_registry_that_is_not_there_is_named_with_the_closest(tmp_path: Path) -> None:
    text = '[modules]\nx = { source = "registry", registry = "comunity" }\n'
    problems = Problems()
    workspace.write(tmp_path, {"m.toml": f'{HEAD}{text}[registries.community]\nindex = "r"\n'})
    read_composition(tmp_path / "m.toml", problems)
    assert [found.help for found in problems.found] == ["did you mean `community`?"]


@pytest.mark.parametrize(
    ("index", "code"),
    [
        ("http://example.org/r.json", "XT0205"),
        ("file:///etc/passwd", "XT0205"),
        ("https://", "XT0205"),
        ("https://somebody:secret@example.org/r.json", "XT0205"),
        ("http://127.0.0.1.example.org/r.json", "XT0205"),
        ("http://localhost@example.org/r.json", "XT0205"),
        ("../r.json", "XT0107"),
        ("/etc/passwd", "XT0107"),
        ("", "XT0205"),
    ],
)
def test_refuses_an_index_that_is_no_file_of_the_workspace_and_not_secure(
    tmp_path: Path, index: str, code: str
) -> None:
    codes = read(tmp_path, f'{HEAD}[registries.x]\nindex = "{index}"\n')[1]
    assert codes == [f"{code} (4, 9)"]


@pytest.mark.parametrize(
    "index",
    [
        "shared/registry.json",
        "https://example.org/r.json?ref=main",
        "http://127.0.0.1:8080/r.json",
        "http://localhost/r.json",
        "http://[::1]:1/r.json",
    ],
)
def test_takes_a_file_a_secure_address_and_this_machine(tmp_path: Path, index: str) -> None:
    found, codes = read(tmp_path, f'{HEAD}[registries.x]\nindex = "{index}"\n')
    assert (found.registries["x"].index, codes) == (index, [])


@pytest.mark.parametrize("version", ["1.0", "v1.0.0", "01.0.0", ""])
def test_refuses_a_version_of_the_application_that_is_not_semantic(
    tmp_path: Path, version: str
) -> None:
    composition, codes = read(tmp_path, f'{HEAD}app_version = "{version}"\n')
    assert codes == ["XT0206 (3, 15)"]
    assert composition.app_version is None


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        ('["../x"]', ["XT0107 (4, 10)"]),
        ('["a", "/b"]', ["XT0107 (4, 15)"]),
        ('["a", "a/"]', ["XT0204 (4, 15)"]),
        ('[""]', ["XT0205 (4, 10)"]),
        ('"a"', ["XT0203 (4, 9)"]),
    ],
)
def test_search_paths_are_different_folders_of_the_workspace(
    tmp_path: Path, paths: str, expected: list[str]
) -> None:
    assert read(tmp_path, f"{HEAD}[search]\npaths = {paths}\n")[1] == expected


def test_only_modules_of_the_composition_may_be_shadowed(tmp_path: Path) -> None:
    assert read(tmp_path, SEARCH + 'allow_shadowed = ["mial"]\n')[1] == ["XT0306 (7, 19)"]


def test_v12_a_module_is_found_in_whichever_search_path_holds_it(tmp_path: Path) -> None:
    workspace.write(tmp_path, {"b/mail/module.toml": "", "a/other/module.toml": ""})
    folder, problems = found_in(tmp_path, SEARCH)
    assert folder == "b/mail"
    assert problems.found == []


def test_a_module_in_no_search_path_is_named_with_every_place_that_was_looked_at(
    tmp_path: Path,
) -> None:
    workspace.write(tmp_path, {"a/mail": "a file is no module"})
    folder, problems = found_in(tmp_path, SEARCH)
    assert folder is None
    (problem,) = problems.found
    assert (problem.code, str(problem.place)) == ("XT0301", "modules.toml:4")
    assert problem.notes == ("there is no folder `a/mail`", "there is no folder `b/mail`")


def test_v12_refuses_a_module_in_two_search_paths_and_shows_both(tmp_path: Path) -> None:
    workspace.write(tmp_path, {"a/mail/module.toml": "", "b/mail/module.toml": ""})
    folder, problems = found_in(tmp_path, SEARCH)
    assert folder == "a/mail"
    (problem,) = problems.found
    assert problem.code == "XT0313"
    assert [place.source.path for place, _ in problem.others] == ["a/mail", "b/mail"]


def test_v12_a_shadowed_module_that_is_allowed_is_the_first_one(tmp_path: Path) -> None:
    workspace.write(tmp_path, {"a/mail/module.toml": "", "b/mail/module.toml": ""})
    folder, problems = found_in(tmp_path, SEARCH + 'allow_shadowed = ["mail"]\n')
    assert folder == "a/mail"
    assert problems.found == []


def test_a_module_that_is_searched_for_is_composed_like_one_at_a_path(tmp_path: Path) -> None:
    files = {f"b/{name}": text for name, text in workspace.module("mail").items()}
    workspace.write(tmp_path, {**files, "modules.toml": SEARCH})
    assert [module.name for module in workspace.selection(tmp_path).modules] == ["mail"]
