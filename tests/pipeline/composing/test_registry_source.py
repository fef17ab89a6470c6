"""Modules of registries: chosen once, and then exactly what was chosen, whoever still answers."""

from __future__ import annotations

import io
import json
import shutil
import zipfile
from typing import TYPE_CHECKING, Any

import pytest

from tests.support import workspace
from tests.support.web import Web, serving
from xtask.archives import ArchiveError
from xtask.cli import main
from xtask.errors import InvalidError, StaleError, UntrustedError, UsageError, XtaskError
from xtask.pipeline.building import planning
from xtask.pipeline.composing.compose import compose, write_lock
from xtask.settings import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from xtask.diagnostics import Diagnostic

MORE = '\n[settings]\ndefault_enabled = ["links"]\n'


def manifest(version: str, name: str = "links") -> str:
    return f'[module]\nname = "{name}"\nversion = "{version}"\n'


def listing(*modules: tuple[str, str, str]) -> str:
    """Return a registry's file with modules of these names, versions and paths."""
    keys = ("name", "version", "path")
    offered = [dict(zip(keys, module, strict=True)) for module in modules]
    return json.dumps({"name": "R", "version": "1.0.0", "modules": offered}, indent=1)


def zipped(**files: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, text in files.items():
            archive.writestr(zipfile.ZipInfo(name.replace("_", ".", 1)), text)
    return stream.getvalue()


def with_entry(root: Path, entry: str, *, index: str = "shared/registry.json") -> Workspace:
    text = f'schema = 1\napp = "shop"\n\n[modules]\n{entry}\n\n[registries.community]\n'
    workspace.write(root, {"modules.toml": f'{text}index = "{index}"\n'})
    return Workspace(root)


def links(version: str = "*", more: str = "") -> str:
    return f'links = {{ source = "registry", registry = "community", version = "{version}"{more} }}'


@pytest.fixture
def shop(tmp_path: Path) -> Workspace:
    """A workspace with a registry of its own, that offers two versions of one module."""
    offered = [("links", v, f"modules/{v}/links") for v in ("1.4.0", "2.0.0-rc.1", "1.10.0")]
    files = {f"shared/{path}/module.toml": manifest(version) for _, version, path in offered}
    workspace.write(tmp_path, files | {"shared/registry.json": listing(*offered)})
    return with_entry(tmp_path, links())


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Web]:
    """A registry at an address."""
    files: dict[str, bytes | str] = {
        "/r/registry.json": listing(("links", "1.0.0", "m/links")).encode(),
        "/r/m/links.zip": zipped(module_toml=manifest("1.0.0")),
    }
    with serving(files) as web:
        with_entry(tmp_path, links(), index=f"{web.address}/r/registry.json")
        yield web


def locked(shop: Workspace, *upgrade: str) -> str:
    write_lock(compose(shop, upgrade=upgrade), shop, check=False, upgrade=upgrade)
    return shop.lock.read_text()


def versions(shop: Workspace) -> list[str | None]:
    return [module.version for module in compose(shop).selection.modules]


def problems(shop: Workspace) -> list[Diagnostic]:
    with pytest.raises(InvalidError) as caught:
        compose(shop)
    return list(caught.value.problems)


@pytest.mark.parametrize(
    ("range_text", "version"),
    [("*", "1.10.0"), ("<1.10", "1.4.0"), ("=1.4.0", "1.4.0"), (">=2.0.0-rc.1", "2.0.0-rc.1")],
)
def test_f1_the_newest_version_in_the_range_is_chosen(
    shop: Workspace, range_text: str, version: str
) -> None:
    with_entry(shop.root, links(range_text))
    assert versions(shop) == [version]


def test_f1_the_lock_says_what_was_chosen_and_a_newer_version_waits_for_an_upgrade(
    shop: Workspace,
) -> None:
    text = locked(shop)
    assert 'source = "registry community links 1.10.0 modules/1.10.0/links sha256:' in text
    offered = [("links", v, f"modules/{v}/links") for v in ("1.10.0", "1.11.0")]
    newer = {
        "shared/registry.json": listing(*offered),
        "shared/modules/1.11.0/links/module.toml": manifest("1.11.0"),
    }
    workspace.write(shop.root, newer)
    assert (versions(shop), locked(shop)) == (["1.10.0"], text)
    assert "links 1.11.0" in locked(shop, "links")
    assert versions(shop) == ["1.11.0"]
    with_entry(shop.root, links("<1.11"))
    assert versions(shop) == ["1.10.0"]
    with pytest.raises(StaleError, match=r"modules\.lock does not match"):
        write_lock(compose(shop, locked=True), shop, check=True, upgrade=[])


def test_f1_the_list_is_not_read_while_the_lock_answers(shop: Workspace) -> None:
    text = locked(shop)
    (shop.root / "shared/registry.json").write_text("{")
    assert (versions(shop), locked(shop)) == (["1.10.0"], text)
    assert [problem.code for problem in problems(with_entry(shop.root, links("<1.10")))] == [
        "XT0104"
    ]


def test_files_that_changed_since_are_refused_until_they_are_chosen_anew(
    shop: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    before = locked(shop)
    (shop.root / "shared/modules/1.10.0/links/more.txt").write_text("x")
    with pytest.raises(UntrustedError, match=r"`links` is not what modules\.lock says") as caught:
        compose(shop)
    assert caught.value.help == "if that is what you want: `xtask lock --upgrade links`"
    where = ["--workspace", str(shop.root)]
    assert main(["validate-manifest", *where]) == 5
    assert main(["lock", *where]) == 5
    assert main(["lock", "--upgrade", "links", *where]) == 0
    assert "-source = " in capsys.readouterr().out
    assert main(["validate-manifest", *where]) == 0
    assert shop.lock.read_text() != before


def test_a_module_that_is_not_in_the_product_is_pinned_too(shop: Workspace) -> None:
    other = links().replace("links = {", "spare = {", 1).replace(" }", ', module = "spare" }')
    listed = json.loads((shop.root / "shared/registry.json").read_text())
    listed["modules"].append({"name": "spare", "version": "0.1.0", "path": "spare"})
    files = {
        "shared/registry.json": json.dumps(listed),
        "shared/spare/module.toml": manifest("0.1.0", "spare"),
    }
    workspace.write(shop.root, files)
    with_entry(shop.root, f"{links()}\n{other}{MORE}")
    text = locked(shop)
    assert '[[left_out]]\nname = "spare"\nsource = "registry community spare 0.1.0 spare' in text
    (shop.root / "shared/registry.json").unlink()
    assert (versions(shop), locked(shop)) == (["1.10.0"], text)
    with_entry(shop.root, links())
    assert "left_out" not in locked(shop)


@pytest.mark.parametrize(
    ("entry", "code", "column", "words"),
    [
        (links(more=', module = "link"'), "XT0301", 80, "did you mean `links`?"),
        (links("^3"), "XT0303", 66, "change the range, or take another registry"),
        (links("three"), "XT0207", 66, "such as `^1.2`, `>=1.0, <3.0` or `1.x || ^3`"),
    ],
)  # fmt: skip
def test_what_cannot_be_chosen_is_shown_where_it_is_asked_for(
    shop: Workspace, entry: str, code: str, column: int, words: str
) -> None:
    (problem,) = problems(with_entry(shop.root, entry))
    assert (problem.code, problem.help) == (code, words)
    assert problem.place.span()[:2] == (5, column)


def test_every_version_that_is_offered_is_shown_when_none_fits(shop: Workspace) -> None:
    (problem,) = problems(with_entry(shop.root, links("^3")))
    assert [(str(place), label) for place, label in problem.others] == [
        ("shared/registry.json:12", "it offers 2.0.0-rc.1"),
        ("shared/registry.json:17", "it offers 1.10.0"),
        ("shared/registry.json:7", "it offers 1.4.0"),
    ]


def test_f12_a_manifest_of_another_version_than_its_registry_says_is_refused(
    shop: Workspace,
) -> None:
    path = "shared/modules/1.10.0/links"
    workspace.write(shop.root, {f"{path}/module.toml": manifest("1.9.0")})
    (problem,) = problems(shop)
    assert (problem.code, str(problem.place)) == ("XT0209", f"{path}/module.toml:3")
    assert [str(place) for place, _ in problem.others] == ["shared/registry.json:17"]


def test_a_folder_that_is_not_there_is_shown_where_the_registry_names_it(shop: Workspace) -> None:
    shutil.rmtree(shop.root / "shared/modules/1.10.0")
    (problem,) = problems(shop)
    assert (problem.code, str(problem.place)) == ("XT0108", "shared/registry.json:18")


def test_a_list_that_two_modules_come_from_is_complained_about_once(shop: Workspace) -> None:
    (shop.root / "shared/registry.json").write_text("{")
    both = links() + "\n" + links().replace("links = {", "spare = {", 1)
    assert [problem.code for problem in problems(with_entry(shop.root, both))] == ["XT0104"]


@pytest.mark.parametrize("index", ["../registry.json", "http://example.org/registry.json", ""])
def test_of_an_index_that_is_wrong_nothing_more_is_said(shop: Workspace, index: str) -> None:
    found = problems(with_entry(shop.root, links(), index=index))
    assert [str(problem.place) for problem in found] == ["modules.toml:8"]


def test_an_upgrade_of_nobody_is_refused_with_the_closest_name(shop: Workspace) -> None:
    with pytest.raises(UsageError, match="`link` is neither") as caught:
        locked(shop, "link")
    assert caught.value.help == "did you mean `links`?"


def test_its_files_decide_whether_anything_has_changed(shop: Workspace) -> None:
    shop.generated.mkdir()
    folder = shop.root / "shared/modules/1.10.0/links"
    assert {str(folder), f"{folder}/module.toml"} <= {*planning.inputs(compose(shop), shop)}


def test_an_address_is_asked_once_and_never_again(tmp_path: Path, web: Web) -> None:
    shop = Workspace(tmp_path)
    text = locked(shop)
    assert web.asked == ["/r/registry.json", "/r/m/links.zip"]
    assert 'source = "registry community links 1.0.0 m/links sha256:' in text
    assert (versions(shop), locked(shop)) == (["1.0.0"], text)
    assert web.asked == ["/r/registry.json", "/r/m/links.zip"]
    place = compose(shop).selection.modules[0].place
    assert place.source.path == f"{web.address}/r/m/links.zip/module.toml"


def test_a_machine_without_a_cache_fetches_what_the_lock_says_and_no_list(
    tmp_path: Path, web: Web
) -> None:
    shop = Workspace(tmp_path)
    text = locked(shop)
    shutil.rmtree(shop.cache)
    del web.files["/r/registry.json"]
    assert (versions(shop), locked(shop)) == (["1.0.0"], text)
    shutil.rmtree(shop.cache)
    web.files["/r/m/links.zip"] = zipped(module_toml=manifest("1.0.0"), more_txt="x")
    with pytest.raises(UntrustedError, match=r"`links` is not what modules\.lock says"):
        compose(shop)
    assert list((shop.cache / "archives").iterdir()) == []


def test_nobody_is_needed_once_it_is_locked(tmp_path: Path) -> None:
    offered: dict[str, bytes | str] = {
        "/registry.json": listing(("links", "1.0.0", "links")).encode(),
        "/links.zip": zipped(module_toml=manifest("1.0.0")),
    }
    with serving(offered) as web:
        shop = with_entry(tmp_path, links(), index=f"{web.address}/registry.json?ref=main")
        text = locked(shop)
    assert (versions(shop), locked(shop)) == (["1.0.0"], text)
    with pytest.raises(XtaskError, match=r"cannot fetch .*/registry\.json"):
        compose(shop, upgrade=["links"])


def test_a_stale_lock_is_refused_without_asking_an_address(tmp_path: Path, web: Web) -> None:
    with pytest.raises(StaleError, match="does not say which version of `links` to take"):
        compose(Workspace(tmp_path), locked=True)
    assert main(["lock", "--check", "--workspace", str(tmp_path)]) == 4
    assert web.asked == []


def test_problems_of_the_workspace_are_shown_before_an_address_is_asked(
    tmp_path: Path, web: Web
) -> None:
    shop = with_entry(tmp_path, f"{links()}\ncart = {{}}", index=f"{web.address}/r/registry.json")
    assert [problem.code for problem in problems(shop)] == ["XT0202"]
    assert web.asked == []


@pytest.mark.parametrize("path", ["m/links", "m/other"])
def test_what_an_address_does_not_have_is_named(tmp_path: Path, web: Web, path: str) -> None:
    web.files["/r/registry.json"] = listing(("links", "1.0.0", path)).encode()
    web.files.pop("/r/m/links.zip")
    with pytest.raises(XtaskError, match=f"cannot fetch .*/r/{path}.zip: 404") as caught:
        compose(Workspace(tmp_path))
    assert caught.value.help


@pytest.mark.parametrize(
    "content", [b"", b"<html>", zipped(module_toml="x")[:-1]], ids=["empty", "page", "cut"]
)
def test_what_is_no_archive_is_refused(tmp_path: Path, web: Web, content: bytes) -> None:
    web.files["/r/m/links.zip"] = content
    with pytest.raises(ArchiveError, match=r"links\.zip: "):
        compose(Workspace(tmp_path))


@pytest.mark.parametrize(
    ("content", "code"), [(b"{", "XT0104"), (b"{}", "XT0202"), (b"\xff", "XT0103")]
)
def test_a_broken_list_is_shown_by_its_address(
    tmp_path: Path, web: Web, content: bytes, code: str
) -> None:
    web.files["/r/registry.json"] = content
    problem = problems(Workspace(tmp_path))[0]
    assert (problem.code, problem.place.source.path) == (code, f"{web.address}/r/registry.json")


def test_a_list_is_not_larger_than_a_manifest(tmp_path: Path, web: Web) -> None:
    web.files["/r/registry.json"] = b" " * (1 << 20) + b"{}"
    with pytest.raises(XtaskError, match="it is larger than 1 MiB"):
        compose(Workspace(tmp_path))


def test_a_list_cannot_name_a_path_outside(tmp_path: Path, web: Web) -> None:
    for path in ("../x", "/x", "https://example.org/x", "//example.org/x", "a/../../x"):
        offered: Any = listing(("links", "1.0.0", path))
        web.files["/r/registry.json"] = offered.encode()
        assert [problem.code for problem in problems(Workspace(tmp_path))][:1] == ["XT0205"]
    assert set(web.asked) == {"/r/registry.json"}
