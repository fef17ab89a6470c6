"""Modules that come from elsewhere, and the lock of what was chosen."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from tests.support.web import serving

if TYPE_CHECKING:
    from pathlib import Path

    from tests.acceptance.shop import Workspace

pytestmark = pytest.mark.requires("index")


def test_a_module_of_a_git_commit_is_built_and_a_wrong_commit_says_so(
    shop: Workspace, tmp_path: Path
) -> None:
    repository = tmp_path / "repository"
    (shop.root / "modules" / "cart").rename(repository)
    git = ["git", "-C", str(repository), "-c", "user.name=a", "-c", "user.email=a@b"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "cart"]):
        subprocess.run([*git, *words], check=True, capture_output=True)
    head = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True)
    source = f'source = "git", git = "{repository.as_uri()}", rev = "{head.stdout.strip()}"'
    shop.edit("modules.toml", 'path = "modules/cart"', source)
    document = shop.built()
    assert [module["id"] for module in document["modules"]] == ["host", "cart"]
    shop.edit("modules.toml", head.stdout.strip(), "0" * 40)
    said = shop.xtask("validate-manifest")
    assert said.code == 1
    assert "cannot fetch commit 000000000000" in said.err


def test_local_problems_are_shown_before_anything_is_fetched(shop: Workspace) -> None:
    source = f'source = "git", git = "https://127.0.0.1:9/cart", rev = "{"0" * 40}"'
    shop.edit("modules.toml", 'path = "modules/cart"', source)
    shop.edit("modules/host/module.toml", 'version = "1.0.0"', 'version = "one"')
    said = shop.xtask("validate-manifest")
    assert said.code == 3
    assert "error[XT0206]" in said.err


def test_a_published_wheel_that_carries_its_manifest_is_a_module(
    shop: Workspace, tmp_path: Path
) -> None:
    cart = shop.root / "modules" / "cart"
    (cart / "module.toml").rename(cart / "src" / "cart" / "module.toml")
    name = "xtask-test-cart"
    text = (cart / "pyproject.toml").read_text().replace('name = "cart"', f'name = "{name}"')
    (cart / "pyproject.toml").write_text(text)
    build = [sys.executable, "-m", "build", "--wheel", "--installer", "uv", "--outdir"]
    subprocess.run([*build, str(tmp_path / "index"), str(cart)], check=True, capture_output=True)
    source = f'source = "index", package = "{name}", version = ">=1"'
    shop.edit("modules.toml", 'path = "modules/cart"', source)
    links = {"UV_FIND_LINKS": str(tmp_path / "index"), "PIP_FIND_LINKS": str(tmp_path / "index")}
    said = shop.xtask("build", "--json", **links)
    assert said.code == 0, said.err
    assert [module["id"] for module in said.document["modules"]] == ["host", "cart"]
    listed = shop.xtask("list-modules", "--json").document
    assert [(module["name"], module["source"], module["version"]) for module in listed] == [
        ("host", "path", "1.0.0"), ("cart", "index", "1.0.0"),
    ]  # fmt: skip
    assert shop.built()["cached"] is True


def test_an_archive_and_a_module_of_a_registry_are_built_and_nobody_is_asked_again(
    shop: Workspace,
) -> None:
    for name in ("host", "cart"):
        module = shop.root / "modules" / name
        shutil.make_archive(str(module), "zip", module.parent, name)
        shutil.rmtree(module)
    host, cart = (shop.root / "modules" / f"{name}.zip" for name in ("host", "cart"))
    sha256 = hashlib.sha256(host.read_bytes()).hexdigest()
    archive = f'source = "archive", path = "modules/host.zip", sha256 = "{sha256}"'
    shop.edit("modules.toml", 'path = "modules/host"', archive)
    shop.edit("modules.toml", 'path = "modules/cart"', 'source = "registry", registry = "r"')
    modules = [{"name": "cart", "version": "1.0.0", "path": "modules/cart"}]
    listing = json.dumps({"name": "R", "version": "1.0.0", "modules": modules}).encode()
    with serving({"/registry.json": listing, "/modules/cart.zip": cart.read_bytes()}) as web:
        index = f'[registries.r]\nindex = "{web.address}/registry.json"\n\n[settings.'
        shop.edit("modules.toml", "[settings.", index)
        said = shop.xtask("build", "--locked")
        assert (said.code, web.asked) == (4, [])
        first = shop.built()
        assert web.asked == ["/registry.json", "/modules/cart.zip"]
    cart.unlink()
    assert [module["id"] for module in first["modules"]] == ["host", "cart"]
    shutil.rmtree(shop.root / "releases" / "oci")
    again = shop.xtask("build", "--json", "--locked", UV_OFFLINE="1")
    assert (again.code, again.document["cached"]) == (0, False)
    assert again.document["image_digest"] == first["image_digest"]
    time.sleep(0.1)
    shop.built("--locked")
    assert "no file has changed" in shop.xtask("build", "--locked").err
    host.write_bytes(host.read_bytes() + b"more")
    said = shop.xtask("build", "--locked")
    assert said.code == 5
    assert "modules/host.zip has another sha256" in said.err


def test_a_git_hook_that_calls_us_keeps_its_repository(shop: Workspace, tmp_path: Path) -> None:
    def git(folder: Path, *words: str) -> str:
        argv = ["git", "-C", str(folder), "-c", "user.name=a", "-c", "user.email=a@b", *words]
        return subprocess.run(argv, check=True, capture_output=True, text=True).stdout.strip()

    (shop.root / "modules" / "cart").rename(tmp_path / "cart")
    for folder in (tmp_path / "cart", shop.root):
        git(folder, "init", "-q", "-b", "main")
        git(folder, "add", "modules.toml" if folder == shop.root else ".")
        git(folder, "commit", "-qm", "x")
    rev, mine = git(tmp_path / "cart", "rev-parse", "HEAD"), git(shop.root, "rev-parse", "HEAD")
    source = f'source = "git", git = "{(tmp_path / "cart").as_uri()}", rev = "{rev}"'
    shop.edit("modules.toml", 'path = "modules/cart"', source)
    index = shop.root / ".git" / "index"
    before = index.read_bytes()
    called = {"GIT_DIR": str(shop.root / ".git"), "GIT_INDEX_FILE": str(index)}
    assert shop.xtask("validate-manifest", **called).code == 0
    assert git(shop.root, "rev-parse", "HEAD") == mine
    assert git(shop.root, "symbolic-ref", "HEAD") == "refs/heads/main"
    assert index.read_bytes() == before


def test_another_version_of_a_published_module_brings_its_own_manifest(
    shop: Workspace, tmp_path: Path
) -> None:
    cart, name = shop.root / "modules" / "cart", "xtask-test-cart"
    (cart / "module.toml").rename(cart / "src" / "cart" / "module.toml")
    shop.edit("modules/cart/pyproject.toml", 'name = "cart"', f'name = "{name}"')
    build = [sys.executable, "-m", "build", "--wheel", "--installer", "uv", "--outdir"]
    for old, new in (("1.0.0", "1.0.0"), ("1.0.0", "2.0.0")):
        shop.edit("modules/cart/pyproject.toml", f'version = "{old}"', f'version = "{new}"')
        manifest = "modules/cart/src/cart/module.toml"
        shop.edit(manifest, f'version = "{old}"', f'version = "{new}"')
        if new == "2.0.0":
            shop.edit(manifest, "/api/cart", "/api/basket")
        argv = [*build, str(tmp_path / "index"), str(cart)]
        subprocess.run(argv, check=True, capture_output=True)
    links = {"UV_FIND_LINKS": str(tmp_path / "index"), "PIP_FIND_LINKS": str(tmp_path / "index")}
    source = f'source = "index", package = "{name}", version = "<2"'
    shop.edit("modules.toml", 'path = "modules/cart"', source)
    assert shop.xtask("build", **links).code == 0
    shop.edit("modules.toml", "<2", ">=2")
    assert shop.xtask("build", **links).code == 0
    assert '"/api/basket"' in (shop.root / "generated" / "registry.py").read_text()
    assert shop.built()["cached"] is True


def test_one_package_can_be_upgraded_and_an_unknown_one_is_an_error(shop: Workspace) -> None:
    said = shop.xtask("lock", "--upgrade", "hatchlin")
    assert said.code == 2
    assert "did you mean `hatchling`?" in said.err
    assert shop.xtask("lock", "--upgrade", "hatchling").code == 0


def test_a_stale_lock_is_refused_without_asking_the_package_index(shop: Workspace) -> None:
    shop.edit(
        "modules/cart/pyproject.toml", "[tool.hatch", 'dependencies = ["idna"]\n\n[tool.hatch'
    )
    said = shop.xtask("build", "--locked", UV_OFFLINE="1", PIP_NO_INDEX="1")
    assert said.code == 4
    assert '+dependencies = ["idna"]' in said.err
    said = shop.xtask("build", UV_OFFLINE="1", UV_NO_CACHE="1")
    assert said.code == 1
    assert "cannot choose third-party packages" in said.err
