"""One check of a value for all dialects: defaults, and what `modules.toml` gives."""

from __future__ import annotations

from typing import Any

import pytest

from xtask.diagnostics import Place, Problems, Source
from xtask.manifest.module import Shape
from xtask.manifest.setting import length_pattern, misfit, read_setting
from xtask.manifest.table import Table

ITEM = Shape("object", properties={"label": Shape("string", minimum=2), "any": Shape("")})


@pytest.mark.parametrize(
    ("shape", "value", "wrong"),
    [
        (Shape("array"), [1, "a", None], None),
        (Shape("array"), {}, "must be an array"),
        (Shape("array"), "a", "must be an array"),
        (Shape("array", minimum=1), [], "must have at least 1 entries"),
        (Shape("array", maximum=1), [1, 2], "must have at most 1 entries"),
        (Shape("array", item=Shape("string")), ["a", 1], "has an entry 1 that must be a string"),
        (Shape("array", item=ITEM), [{"label": "ab", "any": [1]}], None),
        (
            Shape("array", item=ITEM),
            [{"label": "a"}],
            "has an entry 0 that has a key `label` that must have at least 2 characters",
        ),
        (Shape("object"), {"a": {"b": [1]}}, None),
        (Shape("object"), [], "must be an object"),
        (Shape("object", keys=("a",)), {"b": 1}, "has a key `b` that is not one of its keys"),
        (Shape("string", pattern="^[a-z]+$"), "ab", None),
        (Shape("string", pattern="^[a-z]+$"), "aB", "does not follow its `pattern`"),
        (Shape("string", pattern="(a+)+"), "a" * 9_999, "is too long to check"),
        (
            Shape("string", maximum=2, pattern="(?s:.{0,2})"),
            "abc",
            "must have at most 2 characters",
        ),
        (Shape("string", maximum=2, pattern="(?s:.{0,2})"), "a\n", None),
        (Shape("number", minimum=1), 0.5, "must be at least 1"),
        (Shape("integer"), 1.0, "must be an integer"),
        (Shape("integer"), True, "must be an integer"),
        (Shape("boolean"), 1, "must be a boolean"),
        (Shape("string", options=("a",)), "b", "must be one of a"),
        (Shape("of another system"), [1], None),
    ],
)
def test_a_value_fits_or_it_is_said_why_not(shape: Shape, value: object, wrong: str | None) -> None:
    assert misfit(shape, value) == wrong


def test_the_length_of_a_text_is_a_pattern_too() -> None:
    assert length_pattern(Shape("string", 2, 4)) == "(?s:.{2,4})"
    assert length_pattern(Shape("string", maximum=10**7)) == ""


def native(**values: Any) -> list[str]:
    problems = Problems()
    read_setting("key", Table(values, Place(Source("here")), problems, "`here`"))
    return [f"{found.code} {found.place.key} {found.message}" for found in problems.found]


@pytest.mark.parametrize(
    ("values", "wrong"),
    [
        ({"type": "integer", "minimum": 1, "maximum": 1}, []),
        (
            {"type": "integer", "minimum": 2, "maximum": 1, "default": 5},
            ["XT0210 ('minimum',) `minimum` is 2, which is more than `maximum`, 1"],
        ),
        (
            {"type": "string", "minimum": 1},
            ["XT0210 ('minimum',) `minimum` means nothing for the type `string`"],
        ),
        (
            {"type": "boolean", "maximum": 1},
            ["XT0210 ('maximum',) `maximum` means nothing for the type `boolean`"],
        ),
        ({"type": "integer", "minimum": True}, ["XT0203"]),
        ({"type": "integer", "minimum": "1"}, ["XT0203"]),
        (
            {"type": "integer", "options": [1, "a", "b"]},
            ["XT0210 ('options',) the option `a` must be an integer"],
        ),
        ({"type": "array"}, ["XT0204"]),
        ({"type": "text", "minimum": 1, "options": [1]}, ["XT0204"]),
    ],
)
def test_a_setting_that_contradicts_itself_is_noted_where_it_does(
    values: dict[str, Any], wrong: list[str]
) -> None:
    found = native(**values)
    assert [text[: len(wrong[0])] for text in found] == wrong if wrong else found == []


def test_nobody_is_asked_for_a_value_instead_of_a_wrong_default() -> None:
    values = {"type": "string", "default": 1, "required": True}
    problems = Problems()
    found = read_setting("key", Table(values, Place(Source("here")), problems, "`here`"))
    assert (found.default, found.required, len(problems.found)) == (None, False, 1)
