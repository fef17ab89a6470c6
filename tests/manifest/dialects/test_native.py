"""`module.toml`: every key arrives in the normal form, and no bytes make reading it raise."""

from __future__ import annotations

import json
import tomllib
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import workspace
from tests.support.budgets import budget
from xtask.diagnostics import Problems
from xtask.manifest import grammar
from xtask.manifest.dialects import read_module
from xtask.manifest.module import EntryPoint, Migration, Module

if TYPE_CHECKING:
    from pathlib import Path

EVERYTHING = """
[module]
name = "gift-cards"
version = "1.4.0-rc.1+build.7"
description = "Cards that are given"
license = "Apache-2.0"
package = "cards"

[host]
main = "cards.main:run"
migrate = "cards.main:migrate"

[requires]
zebra = "^1"
content = "^1.0 || ^2"

[[api.routers]]
prefix = "/api/cards"
router = "cards.api:router"

[[api.apps]]
prefix = "/cards.v2"
app = "cards:app"
factory = true

[[frontend.routes]]
name = "gift-cards.one"
path = "/cards/:id/of/:owner_name"
entry = "deep/page.js"
title = "A card"

[[frontend.navigation]]
label = "Cards"
route = "gift-cards.one"
order = -3
permission = "gift-cards.read"

[permissions]
"gift-cards.write" = "Write"
"gift-cards.read" = "Read"

[settings.page_size]
type = "integer"
default = 20
required = true
description = "Cards on a page"
minimum = 1
maximum = 99.5
options = [10, 20]

[settings.token]
type = "string"
secret = true

[[jobs]]
name = "gift-cards.tidy"
run = "cards.jobs:tidy"
schedule = "*/5 * * * *"

[[hooks]]
event = "shop.order.placed"
run = "cards.hooks:on_order"
order = 7

[migrations]
directory = "migrations"

[migrations.classes]
0002_b = "additive"

[assets]
directory = "static"

[health]
path = "/api/cards/health"
"""
FILES = {
    "module.toml": EVERYTHING,
    "pyproject.toml": workspace.project("gift-cards", version="1.4.0-rc.1+build.7"),
    "cards/static/deep/page.js": workspace.PAGE,
    "cards/migrations/0002_b.up.sql": "",
    "cards/migrations/0002_b.down.sql": "",
    "cards/migrations/0001_a.up.sql": "",
    "cards/migrations/0001_a.down.sql": "",
    "cards/migrations/README": "",
}


def read(root: Path) -> tuple[Module | None, list[str]]:
    problems = Problems()
    module = read_module(root, "cards", problems)
    return module, [f"{problem.code} {problem.message}" for problem in problems.found]


def test_every_key_arrives(tmp_path: Path) -> None:
    module, found = read(workspace.write(tmp_path, FILES))
    assert found == []
    assert module
    assert (module.name, module.version, module.package) == (
        "gift-cards",
        "1.4.0-rc.1+build.7",
        "cards",
    )
    assert (module.description, module.license) == ("Cards that are given", "Apache-2.0")
    assert module.host == EntryPoint("cards.main", "run")
    assert module.migrate == EntryPoint("cards.main", "migrate")
    assert [item[:2] for item in module.requires] == [("content", "^1.0 || ^2"), ("zebra", "^1")]
    assert [item[:2] for item in module.routers] == [
        ("/api/cards", EntryPoint("cards.api", "router"))
    ]
    assert [item[:3] for item in module.apps] == [("/cards.v2", EntryPoint("cards", "app"), True)]
    (route,) = module.routes
    assert route[:4] == ("gift-cards.one", "/cards/:id/of/:owner_name", "deep/page.js", "A card")
    assert route.parameters == ("id", "owner_name")
    assert [item[:4] for item in module.navigation] == [
        ("Cards", "gift-cards.one", -3, "gift-cards.read")
    ]
    assert [item[:2] for item in module.permissions] == [
        ("gift-cards.read", "Read"),
        ("gift-cards.write", "Write"),
    ]
    size, token = module.settings
    assert size[:9] == (
        "page_size",
        "integer",
        20,
        True,
        "Cards on a page",
        1,
        99.5,
        (10, 20),
        False,
    )
    assert token[:9] == ("token", "string", None, False, "", None, None, (), True)
    assert [item[:3] for item in module.jobs] == [
        ("gift-cards.tidy", EntryPoint("cards.jobs", "tidy"), "*/5 * * * *")
    ]
    assert [item[:3] for item in module.hooks] == [
        ("shop.order.placed", EntryPoint("cards.hooks", "on_order"), 7)
    ]
    assert module.migrations == (
        Migration("migrations/0001_a.up.sql", "migrations/0001_a.down.sql"),
        Migration("migrations/0002_b.up.sql", "migrations/0002_b.down.sql", "additive"),
    )
    assert (module.assets, module.health) == ("static", "/api/cards/health")
    assert (module.distribution, module.build_requires) == ("gift-cards", ("hatchling",))
    assert module.build_back_end == "hatchling.build"


def leaves(item: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    if isinstance(item, dict | list):
        pairs = item.items() if isinstance(item, dict) else enumerate(item)
        return [path, *(found for key, value in pairs for found in leaves(value, (*path, key)))]
    return [path]


DOCUMENT = tomllib.loads(EVERYTHING)


def toml(item: Any) -> str:
    if isinstance(item, dict):
        return (
            "{"
            + ", ".join(f"{json.dumps(key)} = {toml(value)}" for key, value in item.items())
            + "}"
        )
    if isinstance(item, list):
        return "[" + ", ".join(map(toml, item)) + "]"
    return repr(item).lower() if isinstance(item, bool | float) else json.dumps(item)


def changed(item: Any, path: tuple[str | int, ...], value: Any) -> Any:
    if not path:
        return value
    copy = dict(item) if isinstance(item, dict) else list(item)
    copy[path[0]] = changed(copy[path[0]], path[1:], value)
    return copy


ODD = st.one_of(
    st.sampled_from(
        ["", "..", "/", "a/../b", "x" * 300, "\0", "\n", "é", "1.0.0-01", "class:def", "<"]
    ),
    st.integers(-3, 10**30),
    st.floats(),
    st.booleans(),
    st.just([]),
    st.just({}),
    st.just([[1], {"a": 1}]),
    st.just({"a": {"b": []}}),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x7f"), max_size=12),
)


@budget(200)
@given(st.lists(st.tuples(st.sampled_from(leaves(DOCUMENT)[1:]), ODD), min_size=1, max_size=2))
def test_any_value_anywhere_is_read_or_a_problem(
    tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[tuple[str | int, ...], Any]]
) -> None:
    document: Any = DOCUMENT
    for path, value in changes:
        try:
            document = changed(document, path, value)
        except (KeyError, IndexError, TypeError):
            continue  # the first change took away what the second one is inside of
    root = tmp_path_factory.getbasetemp() / "any-value"
    lines = [f"{json.dumps(key)} = {toml(value)}" for key, value in document.items()]
    workspace.write(root, FILES | {"module.toml": "\n".join(lines)})
    problems = Problems()
    module = read_module(root, "cards", problems)
    for problem in problems.found:
        assert problem.help
        assert problem.place.span().line >= 1
    assert module is not None or problems.found


@budget(150)
@given(st.binary(max_size=60), st.integers(0, len(EVERYTHING)), st.integers(0, 30))
def test_any_bytes_anywhere_are_read_or_a_problem(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, start: int, length: int
) -> None:
    root = tmp_path_factory.getbasetemp() / "any-bytes"
    text = EVERYTHING.encode()
    broken = text[:start] + data + text[start + length :]
    workspace.write(root, FILES | {"module.toml": broken, "pyproject.toml": broken})
    problems = Problems()
    module = read_module(root, "cards", problems)
    assert module is not None or problems.found


@pytest.mark.parametrize(
    "version",
    [
        "1.0.0",
        "0.0.0",
        "10.20.30",
        "1.0.0-0",
        "1.0.0-rc.1",
        "1.0.0-0a.b-c",
        "1.0.0+001",
        "1.0.0-a+b.c",
    ],
)
def test_is_a_semantic_version(version: str) -> None:
    assert grammar.VERSION.matches(version)


@pytest.mark.parametrize(
    "version",
    [
        "1",
        "1.0",
        "v1.0.0",
        "01.0.0",
        "1.0.0-01",
        "1.0.0-",
        "1.0.0-a..b",
        "1.0.0+",
        "1.0.0 ",
        "1.0.\u0663",
        "9" * 100 + ".0.0",
        "1.0.0\n",
    ],
)
def test_is_no_semantic_version(version: str) -> None:
    assert not grammar.VERSION.matches(version)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (grammar.PREFIX, "/a/.."),
        (grammar.PREFIX, "/./a"),
        (grammar.PREFIX, "/"),
        (grammar.PREFIX, "/a/"),
        (grammar.PREFIX, "//a"),
        (grammar.PREFIX, "/a?b"),
        (grammar.PREFIX, "/%2e%2e"),
        (grammar.ROUTE, "/:_id"),
        (grammar.ROUTE, "/a:id"),
        (grammar.ROUTE, "/../x"),
        (grammar.FILE, "../x.js"),
        (grammar.FILE, "/x.js"),
        (grammar.FILE, "a/./x.js"),
        (grammar.FILE, ".hidden"),
        (grammar.FILE, "a\\b"),
        (grammar.ENTRY_POINT, "a.b"),
        (grammar.ENTRY_POINT, "a.b:c.d"),
        (grammar.ENTRY_POINT, "a.b:c()"),
        (grammar.ENTRY_POINT, "os;x:y"),
        (grammar.NAME, "-a"),
        (grammar.NAME, "a--b"),
        (grammar.NAME, "a\n"),
        (grammar.COMMIT, "main"),
        (grammar.COMMIT, "--upload-pack=x"),
        (grammar.SPECIFIER, "@ https://example.org/x.whl"),
        (grammar.SPECIFIER, "; python_version < '3'"),
        (grammar.SPECIFIER, "^1.0"),
        (grammar.REPOSITORY, "example.org/shop:latest"),
    ],
)
def test_refuses(kind: grammar.Grammar, text: str) -> None:
    assert not kind.matches(text)


@pytest.mark.parametrize(
    "text", ["", ">=1.0", ">=1.0,<2", "== 1.*", "~=1.4.2, !=1.4.5", "==1!2.0+local.1"]
)
def test_is_a_specifier_of_the_index(text: str) -> None:
    assert grammar.SPECIFIER.matches(text)


def test_each_rule_shows_something_that_follows_it() -> None:
    import re

    for name in ("NAME", "SETTING", "PACKAGE", "ENTRY_POINT", "PREFIX", "ROUTE", "EVENT", "FILE",
                 "PROJECT", "SPECIFIER", "REPOSITORY", "VERSION"):  # fmt: skip
        kind = getattr(grammar, name)
        assert any(kind.matches(text) for text in re.findall(r"`([^`]+)`", kind.rule)), name


@pytest.mark.parametrize(
    ("classes", "problem"),
    [
        ('0002_b = "none"', "XT0204 `none` is not a value of `0002_b`"),
        ('0003_c = "additive"', "XT0211 there is no migration `0003_c`"),
        ("0002_b = true", "XT0203 `0002_b` must be a string"),
    ],
)
def test_refuses_a_class_of_a_migration_that_is_none(
    tmp_path: Path, classes: str, problem: str
) -> None:
    text = EVERYTHING.replace('0002_b = "additive"', classes)
    _, found = read(workspace.write(tmp_path, FILES | {"module.toml": text}))
    assert [line.partition(",")[0] for line in found] == [problem]
