"""An author's day on the command line: begin a module, build it, change it, release it rightly."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest

from tests.acceptance.shop import Workspace, write_shop

if TYPE_CHECKING:
    from pathlib import Path

DIALECTS = ("native", "flux", "fastvue", "capability", "bmc")
# What the host of a product with Flux modules offers.
SDK = """\
class ModuleRouter:
    def __init__(self, name):
        self.get = lambda path: lambda function: function
"""


@pytest.fixture
def bare(tmp_path: Path) -> Workspace:
    """A shop that was never built, whose host has what modules of Flux import."""
    shop = write_shop(tmp_path / "shop")
    source = shop.root / "modules/host/src/module_sdk"
    source.mkdir()
    (source / "__init__.py").write_text(SDK)
    shop.edit("modules/host/pyproject.toml", '"src/host"', '"src/host", "src/module_sdk"')
    return shop


@pytest.mark.requires("index")
def test_b11_a_new_module_of_every_dialect_builds_at_once(bare: Workspace) -> None:
    for dialect in DIALECTS:
        said = bare.xtask("new", "module", f"gifts{dialect}", "--dialect", dialect, "--json")
        assert said.code == 0, said.err
        assert said.document["name"] == f"gifts{dialect}"
    names = {module["id"] for module in bare.built()["modules"]}
    assert names == {"host", "cart", *(f"gifts{dialect}" for dialect in DIALECTS)}


@pytest.mark.requires("index")
def test_what_would_hide_a_third_party_package_is_refused(bare: Workspace) -> None:
    assert bare.xtask("new", "module", "pydantic", "--dialect", "native").code == 0
    for file, key in (("pyproject.toml", "name"), ("module.toml", "package")):
        refused = bare.xtask("build", "--json")
        assert refused.code == 3
        (problem,) = refused.document["error"]["problems"]
        assert (problem["code"], problem["place"]["file"]) == ("XT0213", f"modules/pydantic/{file}")
        bare.edit(f"modules/pydantic/{file}", f'{key} = "pydantic"', f'{key} = "rules"')
    folder = bare.root / "modules/pydantic"
    (folder / "src/pydantic").rename(folder / "src/rules")
    bare.edit("modules/pydantic/pyproject.toml", "src/pydantic", "src/rules")
    bare.edit("modules/pydantic/module.toml", '"pydantic.api', '"rules.api')
    bare.built()


@pytest.mark.requires("index")
def test_a_version_that_says_too_little_is_refused(bare: Workspace) -> None:
    assert bare.xtask("new", "module", "gifts", "--dialect", "fastvue").code == 0
    bare.built()
    checked = bare.xtask("semver-check", "--json")
    assert checked.code == 0
    assert {row["needed"] for row in checked.document} == {"none"}

    bare.edit("modules/gifts/api/routes.py", "/health", "/healthy")
    assert bare.xtask("bump", "gifts", "patch").code == 0
    refused = bare.xtask("semver-check", "gifts", "--json")
    assert refused.code == 3
    assert refused.document == [
        {
            "name": "gifts", "from": "1.0.0", "to": "1.0.1", "needed": "major", "given": "patch",
            "enough": False,
            "reasons": [
                "endpoint `GET /api/v1/gifts/health` is gone",
                "endpoint `GET /api/v1/gifts/healthy` is new",
            ],
        }
    ]  # fmt: skip
    assert "error[XT0315]: `gifts` needs a major step after 1.0.0" in refused.err
    assert "help: run `xtask bump gifts major`" in refused.err

    assert bare.xtask("bump", "gifts", "major", "--json").document["to"] == "2.0.0"
    assert bare.xtask("semver-check").code == 0


@pytest.mark.requires("index")
def test_what_was_released_counts_and_not_what_was_only_built(bare: Workspace) -> None:
    build = bare.built()["build_id"]
    promoted = bare.xtask("promote", build, "--to", "staging", "--reason", "first")
    assert promoted.code == 0, promoted.err
    bare.edit("modules/cart/module.toml", 'prefix = "/api/cart"', 'prefix = "/api/basket"')
    bare.built()
    (row,) = bare.xtask("semver-check", "cart", "--json").document
    assert (row["needed"], row["given"]) == ("major", "none")
    assert row["reasons"] == ["router `/api/basket` is new", "router `/api/cart` is gone"][::-1]


def test_without_a_release_every_version_will_do(bare: Workspace) -> None:
    said = bare.xtask("semver-check", "--json")
    assert said.code == 0
    assert [row["from"] for row in said.document] == [None, None]
    assert not (bare.root / "releases").exists()
    assert bare.xtask("semver-check", "nobody").code == 2


def test_v18_modules_come_and_go(bare: Workspace) -> None:
    before = (bare.root / "modules.toml").read_bytes()
    assert bare.xtask("new", "module", "gifts", "--dialect", "bmc").code == 0
    assert bare.xtask("remove", "gifts").out == (
        "removed `gifts` from modules.toml\nits folder modules/gifts stays\n"
    )
    assert (bare.root / "modules.toml").read_bytes() == before
    shutil.make_archive(str(bare.root / "gifts"), "zip", bare.root / "modules", "gifts")
    shutil.rmtree(bare.root / "modules/gifts")
    assert bare.xtask("import", "gifts.zip").code == 0
    assert bare.xtask("remove", "gifts").code == 0
    said = bare.xtask("add", "gifts", "--path", "modules/gifts", "--depends-on", "cart", "--json")
    assert said.document["entry"] == {
        "source": "path", "path": "modules/gifts", "depends_on": ["cart"],
    }  # fmt: skip
    assert bare.xtask("remove", "cart").code == 3
    assert bare.xtask("remove", "host").code == 2
    listed = json.loads(bare.xtask("list-modules", "--json").out)
    assert [module["name"] for module in listed] == ["host", "cart", "gifts"]


@pytest.mark.parametrize(
    "words",
    [
        (), ("--path", "a", "--index", "b"), ("--git", "https://x.test/r"),
        ("--path", "a", "--rev", "0" * 40), ("--path", "a", "--version", "1"),
        ("--archive", "nowhere.zip"), ("--archive", "/etc/hostname"),
        ("--git", "https://x.test/r", "--rev", "0" * 40, "--manifest", "m"),
    ],
)  # fmt: skip
def test_a_source_is_said_once(bare: Workspace, words: tuple[str, ...]) -> None:
    before = bare.committed()
    assert bare.xtask("add", "gifts", *words).code == 2
    assert bare.committed() == before


def test_what_is_no_archive_is_not_trusted(bare: Workspace) -> None:
    before = bare.committed()
    assert bare.xtask("import", "modules.toml").code == 5
    assert bare.committed() == before


def test_a_first_module_is_told_that_a_product_needs_a_host(
    tmp_path: Path, bare: Workspace
) -> None:
    new = Workspace(tmp_path)
    (tmp_path / "modules.toml").write_text('schema = 1\napp = "gifts"\n')
    said = new.xtask("new", "module", "gifts", "--dialect", "native", "--json")
    assert said.code == 0
    assert "has no host yet" in said.err
    assert said.document["added"] is True
    assert "XT0305" in new.xtask("build").err
    assert "host" not in bare.xtask("new", "module", "gifts", "--dialect", "native").err
