"""Every import is seen, wherever it stands, and whether the code goes on without it."""

from __future__ import annotations

import ast

import pytest

from xtask.diagnostics import Place, Source
from xtask.manifest.imports import Import, read_imports

HERE = Place(Source("x.py"))


def imports(text: str) -> list[Import]:
    return list(read_imports(ast.parse(text), lambda _node: HERE))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("import a.b, c as d", [("a.b", (), 0), ("c", (), 0)]),
        ("from a.b import c, d as e", [("a.b", ("c", "d"), 0)]),
        ("from . import a", [("", ("a",), 1)]),
        ("from ...a import *", [("a", ("*",), 3)]),
        ("def f():\n  import a", [("a", (), 0)]),
        ("class A:\n  def f(self):\n    from a import b", [("a", ("b",), 0)]),
        ('import_module("a.b")', [("a.b", (), 0)]),
        ('importlib.import_module("..a", __package__)', [("a", (), 2)]),
        ('x = __import__("a")', [("a", (), 0)]),
        ("import_module(name)", []),
        ('other("a")', []),
        ("import z\nif x:\n  import b\nimport a", [("z", (), 0), ("b", (), 0), ("a", (), 0)]),
    ],
)
def test_every_way_to_import_is_seen_in_order(text: str, expected: list[object]) -> None:
    assert expected == [item[:3] for item in imports(text)]


@pytest.mark.parametrize(
    ("text", "guarded"),
    [
        ("import a", [False]),
        ("try:\n  import a\nexcept ImportError:\n  import b", [True, True]),
        ("try:\n  import a\nexcept ModuleNotFoundError as e:\n  pass", [True]),
        ("try:\n  import a\nexcept (ValueError, ImportError):\n  pass", [True]),
        ("try:\n  import a\nexcept Exception:\n  pass", [True]),
        ("try:\n  import a\nexcept:\n  pass", [True]),
        ("try:\n  import a\nexcept ValueError:\n  pass", [False]),
        ("try:\n  import a\nfinally:\n  pass", [False]),
        ("try:\n  pass\nexcept ImportError:\n  pass\nelse:\n  import a", [False]),
        ("try:\n  def f():\n    import a\nexcept ImportError: pass", [True]),
        ("try:\n try: import a\n finally: 0\nexcept ImportError: 0\nimport b", [True, False]),
        ("if TYPE_CHECKING:\n  import a\nelse:\n  import b", [True, False]),
        ("if typing.TYPE_CHECKING:\n  from a import b", [True]),
        ("if not TYPE_CHECKING:\n  import a", [False]),
    ],
)
def test_an_import_is_guarded_where_the_code_goes_on_without_it(
    text: str, guarded: list[bool]
) -> None:
    assert guarded == [item.guarded for item in imports(text)]
