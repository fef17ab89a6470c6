"""New, added, removed, imported: a composition that fits, or everything as it was."""

from __future__ import annotations

import io
import json
import zipfile
from typing import TYPE_CHECKING

import pytest
import tomli

from tests.support import workspace
from tests.support.workspace import write
from xtask.author.scaffold import scaffold
from xtask.cli import main
from xtask.errors import InvalidError, UntrustedError, UsageError
from xtask.pipeline.authoring.modules import add_module, import_archive, new_module, remove_module
from xtask.settings import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PATH = {"source": "path", "path": "gifts"}


def everything(root: Path) -> dict[str, bytes | None]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes() if path.is_file() else None
        for path in sorted(root.rglob("*"))
    }


def shop(root: Path, text: str = "", requires: str = "") -> Workspace:
    """Write a composition of `host` and `cart`, beside a folder `gifts` that is not in it."""
    files = workspace.composition("host", "cart", text=text)
    for name in ("host", "gifts"):
        files |= workspace.module(name)
    write(root, files | workspace.module("cart", requires))
    return Workspace(root)


def zipped(path: Path, files: dict[str, bytes]) -> Path:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    path.write_bytes(data.getvalue())
    return path


def modules(ours: Workspace) -> dict[str, object]:
    found: dict[str, object] = tomli.loads(ours.manifest.read_text())["modules"]
    return found


def test_a_new_module_is_written_and_composed(tmp_path: Path) -> None:
    ours = shop(tmp_path)
    done = new_module(ours, "wishes", "bmc", path="own/wishes")
    assert modules(ours)["wishes"] == {"source": "path", "path": "own/wishes"}
    written = {path: (tmp_path / "own/wishes" / path).read_bytes() for path in done.files}
    assert written == scaffold("wishes", "bmc")


def test_a_new_module_can_stay_out_of_the_composition(tmp_path: Path) -> None:
    ours = Workspace(tmp_path)
    done = new_module(ours, "wishes", "native", added=False)
    assert [path.name for path in tmp_path.iterdir()] == ["modules"]
    assert done.folder == "modules/wishes"


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("cart", None), ("gifts", "gifts"), ("wishes", "gifts"), ("wishes", "../wishes"),
        ("wishes", "/tmp/wishes"), ("wishes", ""), ("wishes", "a//b"), ("Wishes", None),
    ],
)  # fmt: skip
def test_a_new_module_replaces_nothing(tmp_path: Path, name: str, path: str | None) -> None:
    ours = shop(tmp_path / "shop")
    before = everything(tmp_path)
    with pytest.raises(UsageError):
        new_module(ours, name, "native", path=path)
    assert everything(tmp_path) == before


def test_a_new_module_that_does_not_fit_leaves_nothing(tmp_path: Path) -> None:
    ours = shop(tmp_path)
    before = everything(tmp_path)
    with pytest.raises(InvalidError) as caught:
        new_module(ours, "json", "native", path="a/b/json")
    assert [problem.code for problem in caught.value.problems] == ["XT0213"]
    assert everything(tmp_path) == before


def test_an_added_module_is_in_the_composition(tmp_path: Path) -> None:
    ours = shop(tmp_path)
    add_module(ours, "gifts", {**PATH, "depends_on": ["cart"]})
    assert modules(ours)["gifts"] == {**PATH, "depends_on": ["cart"]}


@pytest.mark.parametrize(
    ("name", "entry", "code"),
    [
        ("gifts", {**PATH, "depends_on": ["nobody"]}, "XT0301"),
        ("gifts", {"source": "path", "path": "nowhere"}, "XT0108"),
        ("presents", PATH, "XT0208"),
        ("gifts", {"source": "registry", "registry": "nobody"}, "XT0204"),
        ("gifts", {"source": "git", "git": "https://x.test/r", "rev": "main"}, "XT0205"),
        ("gifts", {"source": "archive", "path": "../x.zip", "sha256": "0" * 64}, "XT0107"),
    ],
)
def test_what_does_not_fit_is_not_added(
    tmp_path: Path, name: str, entry: dict[str, object], code: str
) -> None:
    ours = shop(tmp_path)
    before = everything(tmp_path)
    with pytest.raises(InvalidError) as caught:
        add_module(ours, name, entry)
    assert code in {problem.code for problem in caught.value.problems}
    assert {problem.place.source.path.split("/")[0] for problem in caught.value.problems} <= {
        "modules.toml",
        "gifts",
    }
    assert everything(tmp_path) == before


def test_nobody_is_added_twice(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="already"):
        add_module(shop(tmp_path), "cart", PATH)


@pytest.mark.parametrize("path", ["cart", "cart/"])
def test_a_folder_is_not_added_under_a_second_name(tmp_path: Path, path: str) -> None:
    with pytest.raises(UsageError, match=r"cart is in modules.toml already, as `cart`"):
        add_module(shop(tmp_path), "basket", {"source": "path", "path": path})


def test_a_removed_module_leaves_its_folder(tmp_path: Path) -> None:
    settings = '[settings]\ndefault_enabled = ["host", "cart"]\n[settings.modules.cart]\nx = 1\n'
    setting = '[settings.x]\ntype = "integer"\ndefault = 1\n'
    ours = shop(tmp_path, settings, setting)
    folder = {path for path in everything(tmp_path) if path.startswith("cart/")}
    assert remove_module(ours, "cart").folder == "cart"
    assert list(modules(ours)) == ["host"]
    assert tomli.loads(ours.manifest.read_text())["settings"] == {"default_enabled": ["host"]}
    assert folder <= set(everything(tmp_path))


def _by_manifest(root: Path) -> Workspace:
    return shop(root, requires='[requires]\nhost = "^1.0"\n')


def _by_line(root: Path) -> Workspace:
    ours = shop(root)
    text = ours.manifest.read_text()
    ours.manifest.write_text(text.replace('path = "cart"', 'path = "cart", depends_on = ["host"]'))
    return ours


@pytest.mark.parametrize(
    ("made", "where"),
    [(_by_manifest, "cart/module.toml:6"), (_by_line, "modules.toml:6")],
)
def test_v15_n11_a_module_that_others_need_stays_and_each_of_them_is_shown(
    tmp_path: Path, made: Callable[[Path], Workspace], where: str
) -> None:
    ours = made(tmp_path)
    before = everything(tmp_path)
    with pytest.raises(InvalidError) as caught:
        remove_module(ours, "host")
    (problem,) = caught.value.problems
    assert (problem.code, str(problem.place)) == ("XT0301", where)
    assert problem.message == "`host` cannot be removed: `cart` needs it"
    assert everything(tmp_path) == before


def test_v15_a_required_module_stays(tmp_path: Path) -> None:
    ours = shop(tmp_path)
    text = ours.manifest.read_text()
    ours.manifest.write_text(text.replace('path = "cart"', 'path = "cart", required = true'))
    with pytest.raises(UsageError, match="required"):
        remove_module(ours, "cart")


def test_a_module_that_is_broken_can_be_removed(tmp_path: Path) -> None:
    ours = shop(tmp_path)
    (tmp_path / "cart/module.toml").write_text("[module\n")
    (tmp_path / "host/module.toml").write_text("[module\n")
    remove_module(ours, "cart")
    assert list(modules(ours)) == ["host"]


def test_a_module_is_not_removed_under_a_link_to_it(tmp_path: Path) -> None:
    link = '[[frontend.navigation]]\nlabel = "Gifts"\nroute = "gifts.all"\n'
    page = '[[frontend.routes]]\nname = "gifts.all"\npath = "/gifts"\nentry = "page.js"\n'
    ours = shop(tmp_path, requires=link)
    write(tmp_path, workspace.module("gifts", page + '[assets]\ndirectory = "static"\n'))
    ours.manifest.write_text(ours.manifest.read_text().replace("host", "gifts"))
    before = everything(tmp_path)
    with pytest.raises(InvalidError) as caught:
        remove_module(ours, "gifts")
    assert [problem.code for problem in caught.value.problems] == ["XT0307"]
    assert everything(tmp_path) == before


@pytest.mark.parametrize("dialect", ["native", "flux", "fastvue", "capability", "bmc"])
def test_v14_an_imported_module_is_in_its_folder_and_in_the_composition(
    tmp_path: Path, dialect: str
) -> None:
    ours = shop(tmp_path / "shop")
    files = scaffold("wishes", dialect)
    data = {f"wishes/{path}": content for path, content in files.items()}
    done = import_archive(ours, zipped(tmp_path / "x.zip", data))
    assert (done.name, done.folder) == ("wishes", "modules/wishes")
    found = {path: (ours.root / "modules/wishes" / path).read_bytes() for path in done.files}
    assert found == files
    assert modules(ours)["wishes"] == {"source": "path", "path": "modules/wishes"}
    assert not [path for path in ours.root.iterdir() if path.name.startswith(".")]


def test_the_folder_in_an_archive_may_have_another_name(tmp_path: Path) -> None:
    ours = shop(tmp_path / "shop")
    data = {f"wishes-main/{path}": text for path, text in scaffold("wishes", "native").items()}
    assert import_archive(ours, zipped(tmp_path / "x.zip", data)).folder == "modules/wishes"


@pytest.mark.parametrize(
    ("dialect", "folder"),
    [("fastvue", "wishes-1.2"), ("flux", "wishes-main"), ("bmc", "wishes-1.2")],
)
def test_v14_a_folder_of_a_release_says_that_the_module_can_be_named(
    tmp_path: Path, dialect: str, folder: str
) -> None:
    ours = shop(tmp_path / "shop")
    data = {f"{folder}/{path}": text for path, text in scaffold("wishes", dialect).items()}
    archive = zipped(tmp_path / "x.zip", data)
    with pytest.raises(InvalidError) as caught:
        import_archive(ours, archive)
    assert any("`--name wishes`" in note for item in caught.value.problems for note in item.notes)
    assert import_archive(ours, archive, "wishes").folder == "modules/wishes"


def test_v14_what_macos_added_to_an_archive_is_left_out_with_a_word(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ours = shop(tmp_path / "shop")
    files = scaffold("wishes", "native")
    data = {f"wishes/{path}": content for path, content in files.items()}
    added = {"__MACOSX/._wishes": b"x", "wishes/.DS_Store": b"x"}
    path = zipped(tmp_path / "x.zip", data | added)
    words = ["import", str(path), "--workspace", str(ours.root), "--json"]
    assert main(words) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out)["left_out"] == ["__MACOSX/._wishes", "wishes/.DS_Store"]
    assert printed.err == "left out 2 of macOS's own files, such as __MACOSX/._wishes\n"
    found = everything(ours.root / "modules/wishes")
    assert {path for path, content in found.items() if content is not None} == set(files)


BAD = {
    "two tops": ({"a/module.toml": b"", "b/module.toml": b""}, UntrustedError),
    "no top": ({"module.toml": b""}, UntrustedError),
    "nothing": ({}, UntrustedError),
    "what macOS added only": ({"__MACOSX/._a": b"", "a/.DS_Store": b""}, UntrustedError),
    "a way out": ({"a/../../module.toml": b""}, UntrustedError),
    "no manifest": ({"a/readme": b""}, InvalidError),
    "a broken manifest": ({"a/module.toml": b"["}, InvalidError),
    "a name that is taken": (
        {f"cart/{path}": text for path, text in scaffold("cart", "native").items()},
        UsageError,
    ),
    "what does not fit": (
        {f"json/{path}": text for path, text in scaffold("json", "native").items()},
        InvalidError,
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_v14_nothing_stays_of_what_cannot_be_imported(tmp_path: Path, case: str) -> None:
    ours = shop(tmp_path / "shop")
    files, error = BAD[case]
    archive = zipped(tmp_path / "x.zip", files)
    before = everything(tmp_path)
    with pytest.raises(error):
        import_archive(ours, archive)
    assert everything(tmp_path) == before


def test_an_archive_that_is_not_there_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        import_archive(shop(tmp_path), tmp_path / "x.zip")
