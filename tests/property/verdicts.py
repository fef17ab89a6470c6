"""What files made by xtask may be made of: everything else would be code of somebody else."""

from __future__ import annotations

import ast
import json
import re
import tomllib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.support import workspace
from xtask.generate.tree import generate
from xtask.manifest.project import written_project

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from xtask.manifest.module import Module

GOLDEN = Path(__file__).parents[1] / "golden"
_STRING = re.compile(r'"(?:[^"\\\n]|\\.)*"')
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_LINES = (
    r'  "": (Record<string, never>|\{ readonly "": string(; readonly "": string)* \});',
    r'  "": \{',
    r'    (name|path|module|title): "",',
    r'    permissions: \[(""(, "")*)?\],',
    r'    load: \(\) => import\(""\),',
    r'    load: \(\) => Promise.reject\(new Error\(""\)\),',
    r"  \},",
)
_LINE = re.compile("|".join(_LINES))
# Parts of manifests that hold any JSON value, so that keys of theirs are foreign.
_FOREIGN = frozenset({"default", "values", "options"})
_NUMBERS = (int, float, type(None), str)
_PLAIN = re.compile(r"[\w ./:*-]*", re.ASCII)
_DISTRIBUTION = re.compile(r"modules-[a-z0-9]+(-[a-z0-9]+)*")
_VERSION = re.compile(r"[0-9]+(\.[0-9]+){0,2}(-(alpha|beta|rc)(\.?[0-9]+)?)?")


class Seen(NamedTuple):
    """How many syntax nodes generated code has, and how many of its texts are no plain words."""

    nodes: int
    texts: int


def examine(root: Path) -> Seen:
    """Return what a product's generated code has, all of which is allowed.

    Raises:
        AssertionError: something else is in a generated file.
        InvalidError: the product is refused.
    """
    selection = workspace.selection(root)
    files = {file.name: file.data.decode() for file in generate(selection)}
    packages = {module.package for module in selection.modules}
    for name, source in files.items():
        assert [char for char in source if not char.isprintable() and char != "\n"] == [], name
    assert [*strange_code(files["registry.py"], packages)] == []
    assert [*strange_code(files.get("__main__.py", ""), packages)] == []
    for name in sorted(files):
        if name.endswith(".json"):
            assert "__proto__" not in keys(json.loads(files[name])), name
    assert [*strange_lines(files["routes.ts"])] == []
    known = json.loads(files["composition.json"])["modules"]
    said = [module.description for module in selection.modules]
    assert said == [module["description"] for module in known]
    assert _anonymous(files["modules.d.ts"]) == _anonymous(plain()["modules.d.ts"])
    for module in selection.modules:
        assert not module.is_package or [*strange_project(module)] == []
    trees = [ast.parse(source) for name, source in files.items() if name.endswith(".py")]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    return Seen(len(nodes), sum(map(_is_strange_text, nodes)))


def _is_strange_text(node: ast.AST) -> bool:
    text = node.value if isinstance(node, ast.Constant) else None
    return isinstance(text, str) and not _PLAIN.fullmatch(text)


def strange_project(module: Module) -> Iterator[str]:
    """Yield what the project that xtask writes for a folder says more than its module's facts."""
    found = tomllib.loads(written_project(module))
    project, build = found.pop("project"), found.pop("build-system")
    folder = module.package.replace(".", "/")
    wheel = {"only-include": [folder], "exclude": [f"/{folder}/tests/"]}
    wanted = {"build": {"ignore-vcs": True, "targets": {"wheel": wheel}}}
    if found != {"tool": {"hatch": wanted}}:
        yield f"{found}"
    if build != {"requires": ["hatchling>=1.25"], "build-backend": "hatchling.build"}:
        yield f"{build}"
    if not (
        _DISTRIBUTION.fullmatch(project.pop("name"))
        and re.fullmatch(_VERSION, project.pop("version"))
    ):
        yield "its name or its version"
    if project != {
        "requires-python": ">=3.11",
        "dependencies": [item.text for item in module.dependencies],
    }:
        yield f"{project}"


@cache
def plain() -> dict[str, str]:
    """Return what is generated for a product without modules."""
    tree = generate(workspace.selection(GOLDEN / "no_modules"))
    return {file.name: file.data.decode() for file in tree}


@cache
def _own() -> frozenset[str]:
    """Return the statements that every registry has: imports, classes, types."""
    return frozenset(map(ast.unparse, ast.parse(plain()["registry.py"]).body[1:]))


def strange_code(source: str, packages: Collection[str]) -> Iterator[str]:
    """Yield the statements of generated Python that are none of ours."""
    body = ast.parse(source).body
    loaders = {node.name for node in body if isinstance(node, ast.FunctionDef)}
    for number, node in enumerate(body):
        match node:
            case ast.Expr(value=ast.Constant(value=str())) if number == 0:
                continue
            case ast.FunctionDef() if _is_loader(node, packages):
                continue
            case ast.AnnAssign(target=ast.Name(id="APP" | "MODULES"), value=ast.expr() as value):
                if _is_data(value, loaders):
                    continue
            case ast.ImportFrom() if _is_import(node, packages):
                continue
            case ast.If(
                test=test, body=[ast.Expr(value=ast.Call(args=[], keywords=[]))], orelse=[]
            ):
                if ast.unparse(test) == "__name__ == '__main__'":
                    continue
        if ast.unparse(node) not in _own():
            yield ast.unparse(node)


def _is_loader(node: ast.FunctionDef, packages: Collection[str]) -> bool:
    """Return whether a function imports one thing of a module and returns it, or what it makes."""
    if node.decorator_list or not node.name.startswith("load_") or ast.unparse(node.args):
        return False
    match node.body:
        case [ast.ImportFrom(names=[ast.alias(name=name)]) as imported, ast.Return(value=value)]:
            returned = value.func if isinstance(value, ast.Call) else value
            is_plain = not isinstance(value, ast.Call) or not (value.args or value.keywords)
            is_it = isinstance(returned, ast.Name) and returned.id == name
            return is_plain and is_it and _is_import(imported, packages)
    return False


def _is_import(node: ast.ImportFrom, packages: Collection[str]) -> bool:
    is_ours = any(f"{node.module}.".startswith(f"{package}.") for package in packages)
    return is_ours and node.level == 0 and [alias.asname for alias in node.names] == [None]


def _is_data(node: ast.expr, loaders: Collection[str]) -> bool:
    """Return whether an expression is literals, and calls of the registry's own classes."""
    match node:
        case ast.Constant(value=value):
            return isinstance(value, _NUMBERS)
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float())):
            return True
        case ast.Tuple(elts=items):
            return all(_is_data(item, loaders) for item in items)
        case ast.Dict(keys=keys, values=values):
            parts = [*keys, *values]
            return all(part is not None and _is_data(part, loaders) for part in parts)
        case ast.Call(func=ast.Name(id=name), args=[], keywords=keywords):
            return f"class {name}:" in plain()["registry.py"] and all(
                keyword.arg and _is_part(keyword, loaders) for keyword in keywords
            )
    return False


def _is_part(keyword: ast.keyword, loaders: Collection[str]) -> bool:
    if keyword.arg == "load":
        return isinstance(keyword.value, ast.Name) and keyword.value.id in loaders
    return _is_data(keyword.value, loaders)


def keys(value: Any) -> Iterator[str]:
    """Yield the keys of a document, but not those of values that manifests wrote themselves."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield key
            if key not in _FOREIGN:
                yield from keys(item)
    elif isinstance(value, list):
        for item in value:
            yield from keys(item)


def strange_lines(source: str) -> Iterator[str]:
    """Yield the lines of a route map that are none of ours when all strings are left out."""
    known = {*_anonymous(plain()["routes.ts"]).split("\n")}
    for literal in _STRING.findall(source):
        if isinstance(json.loads(literal), str) and {"<", ">", "&"} & {*literal}:
            yield literal
    for line in _anonymous(source).split("\n"):
        if line not in known and not _LINE.fullmatch(line):
            yield line


def _anonymous(source: str) -> str:
    """Return generated TypeScript without its strings and its digest."""
    return _STRING.sub('""', _DIGEST.sub("", source))
