"""Text becomes an identifier, a literal, or an error; never something else."""

from __future__ import annotations

import ast
import json
import math
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.budgets import budget
from xtask.errors import XtaskError
from xtask.generate.names import (
    dotted,
    identifier,
    import_of,
    json_text,
    parameters,
    python,
    signature,
    typescript,
)

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), TEXTS
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXTS, inner, max_size=3)),
    max_leaves=8,
)


def tuples(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(map(tuples, value))
    return {key: tuples(item) for key, item in value.items()} if isinstance(value, dict) else value


@budget(300)
@given(VALUES, st.integers(0, 12))
def test_python_literal_is_the_value(value: Any, indent: int) -> None:
    assert tuples(value) == ast.literal_eval(python(value, indent))


@budget(200)
@given(TEXTS)
def test_python_text_is_one_visible_line(text: str) -> None:
    assert python(text).isprintable()


@budget(200)
@given(VALUES)
def test_json_is_the_value_and_visible(value: Any) -> None:
    text = json_text(value)
    assert value == json.loads(text)
    assert text.isprintable()


@budget(200)
@given(TEXTS)
def test_identifier_is_one_or_refused(text: str) -> None:
    try:
        name = identifier(text)
    except XtaskError:
        return
    assert ast.unparse(ast.parse(f"{name} = 0")) == f"{name} = 0"


@pytest.mark.parametrize(
    "text", ["", "1a", "a b", "a;b", "class", "None", "é", "ﬁle", "a\n", "x\u0301"]
)
def test_refuses_what_is_no_identifier(text: str) -> None:
    with pytest.raises(XtaskError):
        identifier(text)


@pytest.mark.parametrize("text", ["a..b", ".a", "a.", "a.class", "a.1"])
def test_refuses_what_is_no_module_path(text: str) -> None:
    with pytest.raises(XtaskError):
        dotted(text)


@pytest.mark.parametrize("value", [math.inf, math.nan, {1, 2}, b"x", ...], ids=repr)
def test_refuses_what_is_no_json_value(value: object) -> None:
    with pytest.raises(XtaskError):
        python(value)


def test_parameters_are_a_typescript_type() -> None:
    assert parameters([]) == "Record<string, never>"
    assert parameters(["id", "of"]) == '{ readonly "id": string; readonly "of": string }'


@pytest.mark.parametrize("name", ["__proto__", "constructor", "prototype"])
def test_refuses_parameters_that_reach_the_prototype(name: str) -> None:
    with pytest.raises(XtaskError, match="cannot be a key"):
        parameters(["id", name])
    assert json.loads(typescript(name)) == name


@pytest.mark.parametrize("length", [1, 40, 70, 90, 150])
def test_long_names_are_laid_out_as_the_formatter_does(length: int) -> None:

    name = identifier("f" * length)
    source = f"{signature(name)}\n    {import_of('module:' + 'a' * length, 4)}\n\n    return 0\n"
    done = subprocess.run(
        [sys.executable, "-m", "ruff", "format", "--isolated", "-"],
        input=source, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert source == done.stdout


@pytest.mark.parametrize("length", [1, 50, 58, 59, 60, 61, 62, 63, 80])
def test_tuple_of_one_is_laid_out_as_the_formatter_does(length: int) -> None:

    source = f"f(\n    requires={python(['x' * length], 4, 13)},\n)\n"
    done = subprocess.run(
        [sys.executable, "-m", "ruff", "format", "--isolated", "-"],
        input=source, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert source == done.stdout
