"""RusToK's own `modules.toml`, schema 1 and 2: entries are crates, front ends are surfaces."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support import workspace
from xtask.diagnostics import Problems
from xtask.manifest.composition import read_composition
from xtask.manifest.entries import PathSource

if TYPE_CHECKING:
    from pathlib import Path

    from xtask.manifest.composition import Composition

FIRST = """
schema = 1
app = "rustok-server"

[build]
target = "x86_64-unknown-linux-gnu"
profile = "release"
deployment_profile = "monolith"

[modules]
content = { crate = "rustok-content", source = "path", path = "crates/rustok-content" }
commerce = { crate = "rustok-commerce", source = "path", path = "crates/rustok-commerce" }

[settings]
default_enabled = ["content", "commerce"]
"""
SECOND = """
schema = 2
app = "rustok-server"

[build]
target = "x86_64-unknown-linux-gnu"
profile = "release"

[build.server]
embed_admin = true
embed_storefront = false

[build.admin]
stack = "leptos"
public_url = "http://localhost:3001"
redirect_uris = ["http://localhost:3001/auth/callback"]

[[build.storefront]]
id = "default"
stack = "next"
public_url = "http://localhost:3000"
redirect_uris = ["http://localhost:3000/auth/callback"]

[modules]
auth = { crate = "rustok-auth", source = "path", path = "crates/rustok-auth", required = true }
blog = { crate = "rustok-blog", source = "path", path = "crates/blog", depends_on = ["auth"] }
ai = { crate = "rustok-ai", source = "path", path = "crates/rustok-ai", runtime = "extension" }

[settings]
default_enabled = ["blog"]
"""


def read(root: Path, text: str) -> tuple[Composition, list[str]]:
    problems = Problems()
    workspace.write(root, {"modules.toml": text})
    composition = read_composition(root / "modules.toml", problems)
    assert composition
    codes = [f"{found.code} {found.place.span().line}: {found.message}" for found in problems.found]
    return composition, codes


def test_r1_the_first_schema_is_read_as_it_is(tmp_path: Path) -> None:
    found, codes = read(tmp_path, FIRST)
    assert codes == []
    assert (found.app, found.platforms, found.profile) == (
        "rustok-server",
        ("linux/amd64",),
        "release",
    )
    assert {name: entry.source for name, entry in found.entries.items()} == {
        "content": PathSource("crates/rustok-content"),
        "commerce": PathSource("crates/rustok-commerce"),
    }
    assert [name for name, _ in found.default_enabled or ()] == ["content", "commerce"]


def test_r1_the_second_schema_is_read_as_it_is(tmp_path: Path) -> None:
    found, codes = read(tmp_path, SECOND)
    assert codes == []
    assert [name for name, entry in found.entries.items() if entry.required] == ["auth"]
    assert found.entries["blog"].depends_on == ("auth",)
    assert found.entries["ai"].source == PathSource("crates/rustok-ai")


@pytest.mark.parametrize(
    ("admin", "storefront", "expected"),
    [("true", "true", "monolith"), ("false", "true", "monolith"), ("false", "false", "headless")],
)
def test_a_server_that_carries_no_front_end_is_headless(
    tmp_path: Path, admin: str, storefront: str, expected: str
) -> None:
    text = SECOND.replace("embed_admin = true", f"embed_admin = {admin}")
    found, codes = read(
        tmp_path, text.replace("embed_storefront = false", f"embed_storefront = {storefront}")
    )
    assert codes == []
    assert found.deployment_profile == expected


def test_a_profile_that_is_written_wins_over_the_one_that_is_meant(tmp_path: Path) -> None:
    written = SECOND.replace("[build]\n", '[build]\ndeployment_profile = "headless"\n')
    assert read(tmp_path, written)[0].deployment_profile == "headless"


def test_a_composition_that_says_nothing_of_a_server_is_a_monolith(tmp_path: Path) -> None:
    text = 'schema = 2\napp = "a"\n[build.admin]\nstack = "leptos"\n'
    found, codes = read(tmp_path, text)
    assert (found.deployment_profile, codes) == ("monolith", [])


def test_an_entry_of_the_second_schema_names_its_crate(tmp_path: Path) -> None:
    text = 'schema = 2\napp = "a"\n[modules]\nx = { path = "x" }\n'
    assert read(tmp_path, text)[1] == ["XT0202 4: `crate` is missing in `[modules.x]`"]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('stack = "leptos"', 'stack = "vue"', "XT0204 14: `vue` is not a value of `stack`"),
        ('"http://localhost:3001"', '"localhost:3001"', "XT0205 15: `localhost:3001` is not"),
        ('"http://localhost:3001/auth', '"ftp://x/', "XT0205 16: `ftp://x//callback` is not"),
        ('id = "default"', "", "XT0202 18: `id` is missing in `[build.storefront]`"),
        ('public_url = "http://localhost:3000"', "", "XT0202 18: `public_url` is missing"),
        ('redirect_uris = ["http://localhost:3000', 'x = ["', "XT0202 18: `redirect_uris` is"),
        ("embed_admin", "embed_admn", "XT0201 10: unknown key `embed_admn` in"),
        ("[build.server]", "[build.servr]", "XT0201 9: unknown key `servr` in `[build]`"),
        ('runtime = "extension"', 'runtime = "wasm"', "XT0204 27: `wasm` is not a value of"),
        ('crate = "rustok-ai"', "crate = 1", "XT0203 27: `crate` must be a string"),
    ],
)
def test_what_is_wrong_is_noted_where_it_is(
    tmp_path: Path, old: str, new: str, expected: str
) -> None:
    codes = read(tmp_path, SECOND.replace(old, new, 1))[1]
    assert expected in {code[: len(expected)] for code in codes}


def test_what_rustoks_server_saves_of_nothing_is_nothing(tmp_path: Path) -> None:
    saved = """schema = 1
app = "a"
[build.server]
embed_admin = {}
embed_storefront = true
[build.admin]
stack = "{}"
public_url = ""
redirect_uris = []
[[build.storefront]]
id = "default"
stack = ""
public_url = ""
redirect_uris = []
"""
    assert read(tmp_path, saved.format("true", "leptos"))[1] == []
    assert read(tmp_path, saved.format("false", ""))[1] == []
    assert read(tmp_path, saved.format("false", "next"))[1] == [
        "XT0202 6: `public_url` is missing in `[build.admin]`",
        "XT0202 6: `redirect_uris` is missing in `[build.admin]`",
    ]


def test_refuses_two_storefronts_with_one_id(tmp_path: Path) -> None:
    text = SECOND.replace("[modules]", '[[build.storefront]]\nid = "default"\n\n[modules]').replace(
        "embed_storefront = false", "embed_storefront = true"
    )
    assert read(tmp_path, text)[1] == ["XT0204 25: two storefronts are called `default`"]


def test_what_the_server_keeps_of_a_crate_is_no_mistake_in_its_entry_only(tmp_path: Path) -> None:
    kept = 'trust_level = "core", tags = ["a"], settings_schema = {}, version = "0.1.0"'
    text = 'schema = 1\napp = "a"\n[modules]\nx = {{ {}path = "x", {} }}\n'
    assert read(tmp_path, text.format('crate = "x", ', kept))[1] == []
    assert [code[:6] for code in read(tmp_path, text.format("", kept))[1]] == ["XT0201"] * 4
