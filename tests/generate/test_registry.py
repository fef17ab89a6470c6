"""Foreign text is data in generated code, and importing that code imports nothing else."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import UndefinedError

from tests.support import workspace
from tests.support.budgets import budget
from tests.support.capability import FILES, NESTED
from xtask.errors import XtaskError
from xtask.generate import tree
from xtask.generate.names import Safe
from xtask.generate.tree import generate

if TYPE_CHECKING:
    from types import ModuleType

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests/golden"
WORKSPACES = [ROOT, *sorted(path.parent for path in GOLDEN.glob("*/modules.toml"))]
ATTACKS = [
    '"', "'", '"""', "\\", "\n", "\r\n", "\0", "{{ 7 * 7 }}", "{% include 'x' %}", "{# x #}", "#}",
    "\\N{BULLET}", "\u202e", "\u2066", "\u2028", "\u2029", "\x85", "\x1b[31m", "ﬁle",
    "\u0440\u0430\u0443\u0440\u0430l",
    "</script>", "<!--", "-->", "*/", "// x", "${x}", "`", "__proto__", "constructor", "%s",
    "\U0001d4b3",
    "{'a': 1}", "\\u0041", "x'*80", "\ufeff", "\u200b", "'\"'\"",
]  # fmt: skip
TEXTS = st.one_of(
    st.sampled_from(ATTACKS),
    st.lists(st.sampled_from(ATTACKS), max_size=5).map("".join),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=30),
)
# What a registry is made of; anything else in its syntax tree would be code of somebody else.
ALLOWED = (
    ast.Module, ast.Expr, ast.Constant, ast.ImportFrom, ast.alias, ast.ClassDef, ast.FunctionDef,
    ast.arguments, ast.Return, ast.Assign, ast.AnnAssign, ast.Name, ast.Load, ast.Store, ast.Call,
    ast.keyword, ast.Tuple, ast.Dict, ast.Subscript, ast.BinOp, ast.BitOr, ast.List, ast.UnaryOp,
    ast.USub, ast.If, ast.Compare, ast.Eq, ast.Import, ast.Attribute, ast.Slice,
)  # fmt: skip


def files(root: Path) -> dict[str, str]:
    return {file.name: file.data.decode() for file in generate(workspace.selection(root))}


def toml(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def hostile(root: Path, text: str) -> Path:
    """Write a composition that has one foreign text wherever a manifest takes any text."""
    manifest = f"""
[[frontend.routes]]
name = "content.page"
path = "/page/x"
entry = "page.js"
title = {toml(text)}
[[frontend.navigation]]
label = {toml(text)}
route = "content.page"
[permissions]
"content.read" = {toml(text)}
[settings.note]
type = "string"
default = {toml(text)}
description = {toml(text)}
[settings.{toml("choice")}]
type = "string"
options = [{toml(text)}]
[assets]
directory = "static"
"""
    head = f"description = {toml(text)}\nlicense = {toml(text)}\n"
    settings = f"[settings.modules.content]\nnote = {toml(text)}\n"
    return workspace.write(
        root,
        workspace.composition("content", text=settings)
        | workspace.module("content", manifest, head=head),
    )


def load(source: str) -> dict[str, Any]:
    import types

    module: ModuleType = types.ModuleType("registry_under_test")
    sys.modules[module.__name__] = module
    try:
        exec(compile(source, "registry.py", "exec"), module.__dict__)  # noqa: S102 - is tested
    finally:
        del sys.modules[module.__name__]
    return vars(module)


def test_arrays_and_objects_of_the_composition_are_in_the_registry(tmp_path: Path) -> None:
    fields = {"racks": {"type": "array"}, "labels": {"type": "object"}}
    manifest = NESTED | {"config": {"schema": fields}, "dependencies": {}}
    given = 'racks = ["a", [1.5, true]]\n[settings.modules.rack-power.labels]\nb = {{ }}\na = {}\n'
    texts = {
        **FILES,
        "manifest.json": json.dumps(manifest),
    }
    folder = {f"rack-power/{name}": text for name, text in texts.items()}
    settings = f"[settings.modules.rack-power]\n{given.format(toml(ATTACKS[7]))}"
    composed = workspace.composition("rack-power", text=settings)
    found = files(workspace.write(tmp_path, {**folder, **composed}))
    (module,) = load(found["registry.py"])["MODULES"]
    assert module.values == {"labels": {"a": ATTACKS[7], "b": {}}, "racks": ("a", (1.5, True))}
    assert json.loads(found["composition.json"])["modules"][0]["values"] == {
        "labels": {"a": ATTACKS[7], "b": {}},
        "racks": ["a", [1.5, True]],
    }


@budget(80)
@given(TEXTS)
def test_foreign_text_arrives_as_it_was_and_only_as_data(tmp_path: Path, text: str) -> None:
    found = files(hostile(tmp_path, text))
    (content,) = load(found["registry.py"])["MODULES"]
    note = next(setting for setting in content.settings if setting.key == "note")
    assert {text} == {
        content.description,
        content.pages[0].title,
        content.navigation[0].label,
        content.permissions[0].description,
        note.default,
        note.description,
        content.values["note"],
    }
    routes = json.loads(found["routes.json"])
    assert text == routes["routes"][0]["title"] == routes["navigation"][0]["label"]
    known = json.loads(found["composition.json"])["modules"][0]
    assert text == known["license"] == known["settings"]["choice"]["options"][0]


@budget(80)
@given(TEXTS)
def test_foreign_text_changes_no_syntax(tmp_path: Path, text: str) -> None:
    plain = syntax(files(hostile(tmp_path, "plain"))["registry.py"])
    assert plain == syntax(files(hostile(tmp_path, text))["registry.py"])


def syntax(source: str) -> list[str]:
    return [type(node).__name__ for node in ast.walk(ast.parse(source))]


@budget(80)
@given(TEXTS)
def test_nothing_invisible_is_in_generated_text(tmp_path: Path, text: str) -> None:
    for name, source in files(hostile(tmp_path, text)).items():
        assert [char for char in source if not char.isprintable() and char != "\n"] == [], name


@budget(50)
@given(TEXTS)
def test_typescript_can_stand_in_a_page(tmp_path: Path, text: str) -> None:
    source = files(hostile(tmp_path, text))["routes.ts"]
    line = next(line for line in source.split("\n") if line.startswith("    title: "))
    literal = line.removeprefix("    title: ").removesuffix(",")
    assert text == json.loads(literal)
    assert not {"<", ">", "&"} & set(literal)


@pytest.mark.parametrize("root", WORKSPACES, ids=lambda path: path.name)
def test_every_node_of_the_syntax_is_allowed(root: Path) -> None:
    for name, source in files(root).items():
        if name.endswith(".py"):
            nodes = list(ast.walk(ast.parse(source)))
            assert [ast.dump(node) for node in nodes if not isinstance(node, ALLOWED)] == []


@pytest.mark.parametrize("root", WORKSPACES, ids=lambda path: path.name)
def test_r3_modules_are_imported_inside_of_functions_only(root: Path) -> None:
    imports = [
        node.module
        for node in ast.parse(files(root)["registry.py"]).body
        if isinstance(node, ast.ImportFrom)
    ]
    assert imports == ["__future__", "collections.abc", "dataclasses", "typing"]


def test_r3_importing_the_registry_imports_no_module() -> None:
    program = (
        "import sys, generated.registry as r; "
        "print(sorted(m.package for m in r.MODULES if m.package in sys.modules), len(r.MODULES))"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r}); {program}"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    count = len(workspace.selection(ROOT).modules)
    assert done.stdout == f"[] {count}\n"


def test_r3_registry_is_frozen() -> None:
    import dataclasses

    (content,) = load(files(GOLDEN / "text_that_attacks")["registry.py"])["MODULES"][:1]
    with pytest.raises(dataclasses.FrozenInstanceError):
        content.name = "other"


def test_two_targets_that_flatten_to_one_name_have_two_loaders() -> None:
    source = files(GOLDEN / "text_that_attacks")["registry.py"]
    loaders = {
        node.name: ast.unparse(node.body)
        for node in ast.parse(source).body
        if isinstance(node, ast.FunctionDef)
    }
    assert len(set(loaders.values())) == len(loaders)
    assert loaders["load_content__a__b__c"].startswith("from content.a.b import c\n")
    assert loaders["load_content__a__b__c_"].startswith("from content.a__b import c\n")
    assert loaders["load_content__make_app"].endswith("return make()")
    assert loaders["load_content__make_app_"].endswith("return make_app")


def rendered(template: str, **names: object) -> str:
    return tree._environment().from_string(template).render(names)


def test_refuses_a_template_that_prints_what_names_did_not_make() -> None:
    with pytest.raises(XtaskError, match="did not pass through"):
        rendered("x = {{ title }}", title="import os")


def test_prints_what_names_made() -> None:
    assert rendered("x = {{ title|python }}", title="a'b") == 'x = "a\'b"'
    assert rendered("{{ title }}", title=Safe("x")) == "x"


def test_refuses_a_template_that_prints_nothing_there() -> None:
    with pytest.raises((UndefinedError, XtaskError)):
        rendered("x = {{ misspelt|python }}")


def test_no_template_marks_anything_as_safe() -> None:
    for path in sorted((ROOT / "xtask/generate/templates").iterdir()):
        assert "|safe" not in path.read_text(), path.name
