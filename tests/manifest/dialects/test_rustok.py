"""RusToK's dialect: every key arrives, every rule is checked where it is broken."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import tomli
from hypothesis import given
from hypothesis import strategies as st

from tests.support import workspace
from tests.support.budgets import budget
from xtask.diagnostics import Place, Problems, Source
from xtask.manifest.dialects import read_module, rustok
from xtask.manifest.table import Table

if TYPE_CHECKING:
    from pathlib import Path

    from xtask.manifest.module import Module

BLOG = """\
[module]
slug = "blog"
name = "Blog"
version = "0.2.0"
description = "Articles, comments and their moderation"
ownership = "first_party"
trust_level = "verified"
runtime = "module"
ui_classification = "dual-surface"
recommended_admin_surfaces = ["leptos-admin"]
showcase_admin_surfaces = ["next-admin"]
rustok_min_version = "1.4"
rustok_max_version = "1.9.x"

[marketplace]
category = "content"
tags = ["articles"]
icon = "https://example.org/blog.svg"
publisher = "somebody"

[crate]
entry_type = "BlogModule"

[dependencies]
taxonomy = { version_req = ">= 0.1.0, <1" }
content = { version_req = "1.2" }

[dependencies.page_builder]
module = "page-builder"
version_req = "~0.1"
mode = "capability_provider"
required_capabilities = ["preview"]
contract = "tree"
contract_version = "1.1"

[conflicts]
modules = ["journal", "diary"]

[co_requisites]
comments = { version_req = "0.1.*" }
search = {}

[provides.graphql]
query = "graphql::BlogQuery"
mutation = "graphql::BlogMutation"
subscription = "BlogSubscription"
runtime_data_factory = "graphql::attach"

[provides.http]
axum_router = "http::axum_router"
axum_webhook_router = "http::webhooks"

[provides.cli]
namespace = "blog"
factory = "cli::factory"

[provides.admin_ui]
leptos_crate = "rustok-blog-admin"
next_package = "@rustok/blog-admin"
route_segment = "articles"
nav_label = "Articles"
nav_group = "writing"
nav_order = 70

[provides.admin_ui.i18n]
default_locale = "en"
supported_locales = ["en", "ru"]
leptos_locales_path = "admin/locales"

[[provides.admin_ui.child_pages]]
subpath = "new"
title = "Write an article"
nav_label = "Write"

[[provides.admin_ui.child_pages]]
subpath = "archive/old"

[provides.storefront_ui]
leptos_crate = "rustok-blog-storefront"
slot = "home_after_hero"
page_title = "All articles"

[[provides.storefront_ui.components]]
id = "newest"
component = "NewestArticles"
slot = "header_navigation"
order = 5

[settings]
page_size = { type = "integer", default = 20 }
ratio = { type = "number", default = 1 }

[fba.provider]
contract_version = "blog.read.v1"
anything = [{ at = "all" }]
"""
CRATE = {
    "rustok-module.toml": BLOG,
    "Cargo.toml": '[package]\nname = "rustok-blog"\nversion = "0.2.0"\nlicense = "MIT"\n',
    "src/lib.rs": "pub struct BlogModule;\nimpl RusToKModule for BlogModule {}\n"
    "pub use events::{\n    BlogSubscription,\n};\n",
    "src/graphql.rs": "pub struct BlogQuery; pub type BlogMutation = ();\nfn attach() {}\n",
    "src/http/mod.rs": "pub fn axum_router() {}\npub async fn webhooks() {}\n",
    "src/cli.rs": "pub fn factory() {}\n",
    "admin/Cargo.toml": '[package]\nname = "rustok-blog-admin"\nversion.workspace = true\n',
    "admin/locales/en.json": "{}",
    "storefront/Cargo.toml": '[package]\nname = "rustok-blog-storefront"\nversion = "0.2.0"\n',
}


def read(root: Path, files: dict[str, str]) -> tuple[Module, list[str]]:
    problems = Problems()
    module = read_module(workspace.write(root / "blog", files), "blog", problems)
    assert module
    return module, [
        f"{found.code} {found.place.source.path.removeprefix('blog/')}"
        f":{found.place.span().line}:{found.place.span().column} {found.severity}"
        for found in problems.found
    ]


def changed(old: str, new: str, path: str = "rustok-module.toml") -> dict[str, str]:
    assert old in CRATE[path]
    return CRATE | {path: CRATE[path].replace(old, new, 1)}


def at(code: str, shown: str, text: str = BLOG, severity: str = "error") -> str:
    """Return what is expected to be noted where `shown` first stands in a manifest."""
    before = text[: text.index(shown)]
    line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
    return f"{code} rustok-module.toml:{line}:{column} {severity}"


def test_every_key_arrives(tmp_path: Path) -> None:
    module, codes = read(tmp_path, CRATE)
    assert codes == []
    assert (module.name, module.version, module.license) == ("blog", "0.2.0", "MIT")
    assert (module.package, module.dialect, module.is_package) == ("blog", "rustok", False)
    assert (module.distribution, module.assets, module.routers) == (None, None, ())
    assert module.foreign
    assert module.foreign.text == "its code is a Rust crate"
    assert [need[:2] for need in module.requires] == [
        ("content", "^1.2"),
        ("page_builder", "~0.1"),
        ("taxonomy", ">=0.1.0, <1"),
    ]
    assert [other[:2] for other in module.conflicts] == [("diary", ""), ("journal", "")]
    assert [other[:2] for other in module.companions] == [("comments", "~0.1"), ("search", "*")]
    assert module.app_range
    assert module.app_range.text == ">=1.4, <=1.9"


def test_a_command_line_may_be_a_crate_of_its_own(tmp_path: Path) -> None:
    own = changed('"cli::factory"', '"rustok_blog_cli::command_provider"')
    lines = {"cli/Cargo.toml": '[package]\nname = "rustok-blog-cli"\n'}
    _, codes = read(tmp_path, own | lines | {"cli/src/lib.rs": "pub fn command_provider() {}\n"})
    assert codes == []
    _, codes = read(tmp_path / "main", CRATE | lines | {"cli/src/lib.rs": "pub fn other() {}\n"})
    assert codes == []
    _, codes = read(tmp_path / "gone", own | lines | {"cli/src/lib.rs": "pub fn other() {}\n"})
    text = own["rustok-module.toml"]
    assert codes == [at("XT0217", '"rustok_blog_cli::command_provider"', text)]


def test_front_ends_become_pages_and_links(tmp_path: Path) -> None:
    module, _ = read(tmp_path, CRATE)
    assert [(page.name, page.path, page.title, page.entry) for page in module.routes] == [
        ("blog.admin-articles", "/admin/articles", "Articles", ""),
        ("blog.admin-articles-new", "/admin/articles/new", "Write an article", ""),
        ("blog.admin-articles-archive-old", "/admin/articles/archive/old", "archive/old", ""),
        ("blog.blog", "/blog", "All articles", ""),
    ]
    links = [(link.label, link.path, link.parent, link.menu) for link in module.navigation]
    assert links == [
        ("Articles", "/admin/articles", "", "writing"),
        ("Write", "/admin/articles/new", "/admin/articles", "writing"),
        ("archive/old", "/admin/articles/archive/old", "/admin/articles", "writing"),
        ("All articles", "/blog", "", "storefront"),
    ]
    assert [link.order for link in module.navigation] == [70, 1, 2, 100]
    assert {link.route for link in module.navigation} == {""}


def test_a_manifest_alone_is_checked_without_its_crate(tmp_path: Path) -> None:
    module, codes = read(tmp_path, {"rustok-module.toml": BLOG})
    assert codes == []
    assert (module.license, len(module.routes)) == (None, 4)


def test_what_is_optional_may_be_left_out(tmp_path: Path) -> None:
    text = '[module]\nslug = "page_builder"\nversion = "0.1.0"\n[provides.admin_ui]\n'
    module, codes = read(tmp_path, {"rustok-module.toml": text})
    assert codes == []
    assert (module.app_range, module.requires, module.settings) == (None, (), ())
    assert [(page.name, page.path, page.title) for page in module.routes] == [
        ("page-builder.admin-page-builder", "/admin/page_builder", "page_builder")
    ]


def test_pages_of_the_older_form_are_child_pages(tmp_path: Path) -> None:
    text = BLOG.replace("admin_ui.child_pages", "admin_ui.pages")
    old, codes = read(tmp_path, CRATE | {"rustok-module.toml": text})
    new, _ = read(tmp_path, CRATE)
    assert codes == []
    assert [page[:4] for page in new.routes] == [page[:4] for page in old.routes]


@pytest.mark.parametrize(
    ("old", "new", "code", "shown"),
    [
        ('slug = "blog"', 'slug = "Blog"', "XT0205", '"Blog"'),
        ('slug = "blog"\n', "", "XT0202", "module]"),
        ('version = "0.2.0"', 'version = "0.2"', "XT0206", '"0.2"'),
        ('"first_party"', '"ours"', "XT0204", '"ours"'),
        ('"verified"', '"trusted"', "XT0204", '"trusted"'),
        ('runtime = "module"', 'runtime = "wasm"', "XT0204", '"wasm"'),
        ('"dual-surface"', '"none"', "XT0204", '"none"'),
        ('"dual-surface"', '"admin_only"', "XT0204", '"admin_only"'),
        ('["leptos-admin"]', '["Leptos"]', "XT0205", '"Leptos"'),
        ('["next-admin"]', '["leptos-admin"]', "XT0204", '["leptos-admin"]\nrustok'),
        ('"1.4"', '"one"', "XT0207", '"one"'),
        ('">= 0.1.0, <1"', '">=0.1 <1"', "XT0207", '">=0.1 <1"'),
        ("taxonomy = { version_req", "taxonomy = { version", "XT0201", 'version = ">='),
        ("taxonomy = {", "Taxonomy = {", "XT0205", "Taxonomy"),
        ("taxonomy = {", "blog = {", "XT0204", '{ version_req = ">='),
        ('"diary"', '"blog"', "XT0204", '"blog"]'),
        ('"diary"', '"My Diary"', "XT0205", '"My Diary"'),
        ("search = {}", "blog = {}", "XT0204", "{}"),
        ('"graphql::BlogQuery"', '"graphql.BlogQuery"', "XT0205", '"graphql.BlogQuery"'),
        ('"graphql::BlogQuery"', '"graphql::BlogQery"', "XT0217", '"graphql::BlogQery"'),
        ('entry_type = "BlogModule"', 'entry_type = "BlogQuery"', "XT0217", '"BlogQuery"'),
        ("axum_webhook_router", "routes", "XT0204", '"http::webhooks"'),
        ('factory = "cli::factory"\n', "", "XT0204", "provides.cli"),
        ('factory = "cli', 'provider = "cli::factory"\nfactory = "cli', "XT0204", "provides.cli"),
        ('route_segment = "articles"', 'route_segment = "a b"', "XT0205", '"a b"'),
        ('subpath = "new"', 'subpath = ":id"', "XT0205", '":id"'),
        ('subpath = "new"', 'subpath = "../up"', "XT0205", '"../up"'),
        ('default_locale = "en"', 'default_locale = "de"', "XT0204", '"de"'),
        ('"admin/locales"', '"admin/texts"', "XT0211", '"admin/texts"'),
        ('"home_after_hero"', '"home"', "XT0204", '"home"'),
        ('slot = "header_navigation"', 'slot = "top"', "XT0204", '"top"'),
        ("[fba.provider]", "[fbs.provider]", "XT0201", "fbs"),
        ('name = "Blog"', 'nam = "Blog"', "XT0201", "nam ="),
        ('"rustok-blog-admin"', '"rustok-blog-back"', "XT0208", '"rustok-blog-back"'),
        ("nav_order = 70", 'nav_order = "70"', "XT0203", '"70"'),
    ],
)
def test_what_is_wrong_is_noted_where_it_is(
    tmp_path: Path, old: str, new: str, code: str, shown: str
) -> None:
    files = changed(old, new)
    assert read(tmp_path, files)[1] == [at(code, shown, files["rustok-module.toml"])]


def test_keys_that_nobody_reads_are_warnings(tmp_path: Path) -> None:
    files = changed("axum_router = ", "routes = ")
    files["rustok-module.toml"] = files["rustok-module.toml"].replace(
        "ratio = {", "ratio = { shape = { a = 1 }, additional_properties = true,"
    )
    text = files["rustok-module.toml"]
    assert sorted(read(tmp_path, files)[1]) == sorted(
        at("XT0223", shown, text, "warning")
        for shown in ("routes =", "shape", "additional_properties")
    )


def test_a_description_that_no_registry_takes_is_a_warning(tmp_path: Path) -> None:
    files = changed('"Articles, comments and their moderation"', '"A blog"')
    expected = at("XT0205", '"A blog"', files["rustok-module.toml"], "warning")
    assert read(tmp_path, files)[1] == [expected]


@pytest.mark.parametrize("path", ["Cargo.toml", "storefront/Cargo.toml"])
def test_module_and_crates_have_one_version(tmp_path: Path, path: str) -> None:
    problems = Problems()
    files = changed('version = "0.2.0"', 'version = "0.3.0"', path)
    read_module(workspace.write(tmp_path, files), "blog", problems)
    (problem,) = problems.found
    assert (problem.code, str(problem.place)) == ("XT0209", "blog/rustok-module.toml:4")
    assert [str(place) for place, _ in problem.others] == [f"blog/{path}:3"]


def test_a_crate_may_take_its_version_from_its_workspace(tmp_path: Path) -> None:
    files = changed('version = "0.2.0"', "version.workspace = true", "Cargo.toml")
    assert read(tmp_path, files)[1] == []


def test_a_front_end_needs_its_crate_and_its_crate_needs_it(tmp_path: Path) -> None:
    missing = {path: text for path, text in CRATE.items() if not path.startswith("storefront")}
    assert read(tmp_path / "a", missing)[1] == [at("XT0211", '"rustok-blog-storefront"')]
    files = changed('leptos_crate = "rustok-blog-storefront"\n', "")
    assert read(tmp_path / "b", files)[1] == [
        at("XT0202", "provides.storefront_ui]", files["rustok-module.toml"])
    ]


def test_two_components_have_two_ids(tmp_path: Path) -> None:
    part = '[[provides.storefront_ui.components]]\nid = "newest"\ncomponent = "Newest"\n'
    files = changed("[settings]", f'{part}slot = "home_after_hero"\n\n[settings]')
    text = files["rustok-module.toml"]
    line = text[: text.index('component = "Newest"\n')].count("\n")
    assert read(tmp_path, files)[1] == [f"XT0204 rustok-module.toml:{line}:6 error"]


def test_a_crate_that_is_no_toml_is_a_problem_and_the_manifest_is_read(tmp_path: Path) -> None:
    module, codes = read(tmp_path, CRATE | {"Cargo.toml": "[package"})
    assert [code.split()[:2] for code in codes] == [["XT0104", "Cargo.toml:1:8"]]
    assert module.name == "blog"


def keys_of(value: object, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items: list[tuple[Any, Any]] = []
    if isinstance(value, dict):
        items = list(value.items())
    elif isinstance(value, list):
        items = list(enumerate(value))
    return [path, *(found for key, item in items for found in keys_of(item, (*path, key)))]


KEYS = [path for path in keys_of(tomli.loads(BLOG)) if path]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=8,
)


@budget(400)
@given(st.sampled_from(KEYS), VALUES)
def test_any_value_anywhere_is_read_or_a_problem(path: tuple[Any, ...], value: object) -> None:
    document = tomli.loads(BLOG)
    inside: Any = document
    for key in path[:-1]:
        inside = inside[key]
    inside[path[-1]] = value
    source = Source("rustok-module.toml", BLOG)
    module = rustok.read(Table(document, Place(source), Problems(), "it"), None)
    assert module.foreign


@budget(200)
@given(st.binary(max_size=40), st.integers(0, len(BLOG)), st.integers(0, 30))
def test_any_bytes_anywhere_are_read_or_a_problem(
    tmp_path: Path, data: bytes, start: int, length: int
) -> None:
    text = BLOG.encode()
    problems = Problems()
    path = tmp_path / "rustok-module.toml"
    path.write_bytes(text[:start] + data + text[start + length :])
    assert read_module(tmp_path, "blog", problems) is not None or problems.found
