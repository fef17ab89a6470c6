"""Settings of RusToK's dialect: typed, nested, and every default fits."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.budgets import budget
from xtask.diagnostics import Place, Problems
from xtask.manifest.dialects.rustok.settings import read_settings
from xtask.manifest.notation.toml import parse_toml
from xtask.manifest.table import Table

if TYPE_CHECKING:
    from xtask.manifest.module import Setting

SETTINGS = """\
postsPerPage = { type = "integer", default = 20, min = 1, max = 100, required = true }
ratio = { type = "number", default = 1 }
title = { type = "string", default = "Blog", min = 2, max = 40, description = "Its name" }
layout = { type = "string", options = ["list", "grid"], default = "grid" }
robots = { type = "array", item_type = "string", default = ["index"], max = 3 }
social = { type = "object", object_keys = ["name", "url"], default = { url = "x" } }

[menu]
type = "array"
default = [{ label = "Home", weight = 1 }]

[menu.items]
type = "object"

[menu.items.properties]
label = { type = "string", required = true }
weight = { type = "integer", min = 0 }
"""


def read(text: str) -> tuple[dict[str, Setting], list[str]]:
    problems = Problems()
    document = parse_toml(text, "rustok-module.toml", problems)
    assert document
    found = read_settings(Table(document.values, Place(document.source), problems, "`[settings]`"))
    return {setting.key: setting for setting in found}, [
        f"{problem.code} {problem.place.span().line}:{problem.place.span().column}"
        for problem in problems.found
    ]


def test_every_key_arrives() -> None:
    settings, codes = read(SETTINGS)
    assert codes == []
    assert [(key, found.type, found.default) for key, found in settings.items()] == [
        ("postsPerPage", "integer", 20),
        ("ratio", "number", 1),
        ("title", "string", "Blog"),
        ("layout", "string", "grid"),
        ("robots", "array", ["index"]),
        ("social", "object", {"url": "x"}),
        ("menu", "array", [{"label": "Home", "weight": 1}]),
    ]
    posts, title = settings["postsPerPage"], settings["title"]
    assert (posts.required, posts.minimum, posts.maximum, posts.pattern) == (True, 1, 100, "")
    assert (settings["layout"].options, title.description) == (("list", "grid"), "Its name")
    assert [bool(re.fullmatch(title.pattern, text)) for text in ("a", "a\n", "a" * 41)] == [
        False,
        True,
        False,
    ]
    assert not any(setting.secret for setting in settings.values())


@pytest.mark.parametrize(
    ("setting", "code", "shown"),
    [
        ('{ type = "strin" }', "XT0204", '"strin"'),
        ("{ }", "XT0202", "{ }"),
        ('{ type = "string", default = 1 }', "XT0210", "1 }"),
        ('{ type = "integer", default = true }', "XT0210", "true"),
        ('{ type = "integer", default = 5, max = 4 }', "XT0210", "5,"),
        ('{ type = "number", default = nan }', "XT0203", "nan"),
        ('{ type = "string", default = "abc", max = 2 }', "XT0210", '"abc"'),
        ('{ type = "string", default = "c", options = ["a", "b"] }', "XT0210", '"c"'),
        ('{ type = "array", default = ["a", 1], item_type = "string" }', "XT0210", '["a"'),
        ('{ type = "array", default = ["a"], min = 2 }', "XT0210", '["a"'),
        ('{ type = "array", default = [[1979-05-27]] }', "XT0203", "1979"),
        ('{ type = "object", default = { c = 1 }, object_keys = ["a"] }', "XT0210", "{ c"),
        (
            '{ type = "object", default = { a = 1 }, properties = { a = { type = "string" } } }',
            "XT0210",
            "{ a = 1",
        ),
        ('{ type = "array", items = { type = "integer", default = "x" } }', "XT0210", '"x"'),
        ('{ type = "boolean", min = 1 }', "XT0210", "1 }"),
        ('{ type = "integer", min = 3, max = 2 }', "XT0210", "3,"),
        ('{ type = "integer", min = "1" }', "XT0203", '"1"'),
        ('{ type = "array", options = ["a"] }', "XT0210", '["a"]'),
        ('{ type = "integer", options = ["a"] }', "XT0210", '["a"]'),
        ('{ type = "string", object_keys = ["a"] }', "XT0210", '["a"]'),
        ('{ type = "object", object_keys = ["a", "a"] }', "XT0210", '["a"'),
        (
            '{ type = "object", object_keys = ["a"], properties = { b = { type = "array" } } }',
            "XT0210",
            '["a"]',
        ),
        ('{ type = "string", item_type = "string" }', "XT0210", '"string" }'),
        (
            '{ type = "array", item_type = "array", items = { type = "object" } }',
            "XT0210",
            '"array", items',
        ),
        ('{ type = "object", properties = { "a b" = { type = "array" } } }', "XT0205", '"a b"'),
        ('{ type = "array", items = { type = "integer", minimum = 1 } }', "XT0201", "minimum"),
    ],
)
def test_a_setting_that_contradicts_itself_is_noted_where_it_does(
    setting: str, code: str, shown: str
) -> None:
    assert read(f"x = {setting}\n")[1] == [f"{code} 1:{5 + setting.index(shown)}"]


def test_a_setting_is_nested_sixteen_levels_at_most() -> None:
    def nested(levels: int) -> str:
        inner = '{ type = "integer" }'
        for _ in range(levels):
            inner = f'{{ type = "array", items = {inner} }}'
        return f"x = {inner}\n"

    assert read(nested(16))[1] == []
    assert [code[:6] for code in read(nested(17))[1]] == ["XT0205"]


def test_a_default_is_nested_sixteen_levels_at_most() -> None:
    def nested(levels: int) -> str:
        return f'x = {{ type = "array", default = {"[" * levels}{"]" * levels} }}\n'

    assert read(nested(17))[1] == []
    assert read(nested(18))[1] == ["XT0203 1:50"]


@pytest.mark.parametrize("limit", ["min = -1", "max = 1000001", "max = -5", "min = 3, max = 2"])
def test_a_length_that_no_expression_measures_has_none(limit: str) -> None:
    settings, _ = read(f'x = {{ type = "string", {limit} }}\n')
    re.compile(settings["x"].pattern)


VALUES = [found.span(1) for found in re.finditer(r'= ("[^"]*"|[\w.]+)', SETTINGS)]
SCALARS = st.sampled_from(['""', "0", "1.5", "true", "[]", "{}", "nan", "1979-05-27", '"array"'])


@budget(300)
@given(st.sampled_from(VALUES), SCALARS)
def test_any_value_anywhere_is_a_setting(span: tuple[int, int], new: str) -> None:
    settings, _ = read(SETTINGS[: span[0]] + new + SETTINGS[span[1] :])
    assert len(settings) == 7
