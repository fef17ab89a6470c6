"""What a module's Python source defines, imports and routes, by its syntax tree; it never runs."""

from __future__ import annotations

import ast
import re
from collections import Counter
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from xtask.diagnostics import Diagnostic, KeyPath, Part, Place, Source, Span, did_you_mean
from xtask.manifest.imports import Import, read_imports
from xtask.manifest.module import Stated
from xtask.manifest.notation.python import NotPythonError, normalised, parse, span, string, walk
from xtask.manifest.notation.text import MAX_BYTES
from xtask.manifest.routers import FileRouters, read_routers
from xtask.manifest.table import shortened
from xtask.manifest.tables import MappedClass, code_classes, code_tables, sql_tables

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from xtask.diagnostics import Problems
    from xtask.manifest.folder import Folder
    from xtask.manifest.module import DatabaseTable

__all__ = ["Code", "Function", "Import", "read_code", "sql_tables", "symbol"]

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_WRITTEN_OUT = (ast.Constant, ast.JoinedStr, ast.List, ast.Tuple, ast.Dict, ast.Set)
# More arguments than anybody writes.
_MANY = 1000
# Nodes that have a scope of their own, so that what they bind is not bound at the top.
_SCOPES = (ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
# What takes more than a second or 256 MiB to parse was not written by people.
MAX_TOKENS, _MAX_BRACES = 70_000, 3_000_000_000
TOKEN = re.compile(r"\w+|[^\w\s]|\n")
# With one of these any name may be there: a star import, and PEP 562.
_ANYTHING = frozenset({"*", "__getattr__"})


class Function(NamedTuple):
    """A function at the top of a file; parameters with their `*` and `**`, in order.

    `arity`: with how many arguments it can be called by position; empty when it needs keywords.
    """

    name: str
    parameters: tuple[str, ...]
    is_async: bool
    place: Place
    arity: range


class Code(NamedTuple):
    """One Python file: its path in the folder, and what is seen without running it.

    `names` is everything bound at the top level, in `if` and `try` too; `*` for a star import.
    `others` is what the names that are never a function are, such as `a class`, and where.
    """

    path: str
    names: frozenset[str]
    functions: tuple[Function, ...]
    others: Mapping[str, tuple[str, Place]]
    version: Stated | None
    routers: FileRouters
    imports: tuple[Import, ...]
    tables: tuple[DatabaseTable, ...]
    classes: tuple[MappedClass, ...]


def read_code(folder: Folder, path: str, problems: Problems) -> Code | None:
    """Return what a Python file holds; None when it is not there, or not readable (XT0218).

    Args:
        folder: the module's folder.
        path: the file's path in it.
        problems: where XT0218 goes.
    """
    file = folder.path(path)
    if file is None or not folder.has_file(path):
        return None
    source = Source(f"{folder.shown}/{path}")
    try:
        with file.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
        text = normalised(data.decode())
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        _note(f"cannot read `{source.path}`: {reason}", Place(source), problems)
        return None
    if len(data) > MAX_BYTES:
        message = f"`{source.path}` is larger than {MAX_BYTES >> 20} MiB"
        _note(message, Place(source), problems)
        return None
    found = _analysed(source.path, path, text)
    if isinstance(found, Diagnostic):
        problems.found.append(found)
        return None
    return found


def symbol(folder: Folder, module: str, attribute: str, place: Place, problems: Problems) -> bool:
    """Return whether a module of the folder's package has a name at its top.

    Args:
        folder: the module's folder, which is its package.
        module: dotted, relative to the package (`api.routes`); empty for the package itself.
        attribute: the name; of a dotted one the first part is looked up.
        place: what names it, for XT0211 (no such file) and XT0217 (no such name).
        problems: where these and XT0218 go.
    """
    stem = module.replace(".", "/")
    paths = [f"{stem}/__init__.py", f"{stem}.py"] if module else ["__init__.py"]
    plain = all(step.isidentifier() for step in module.split(".")) or not module
    path = next((path for path in paths if plain and folder.has_file(path)), None)
    if path is None:
        message = f"`{shortened(folder.name)}` has no file `{shortened(paths[-1])}`"
        problems.add("XT0211", message, place, help="write it, or correct the name")
        return False
    code = read_code(folder, path, problems)
    if code is None:
        return False
    name = attribute.split(".", maxsplit=1)[0]
    if name in code.names or code.names & _ANYTHING:
        return True
    near = did_you_mean(name, code.names)
    message = f"`{path}` has no `{shortened(name)}`"
    problems.add("XT0217", message, place, help=near or "write it, or correct the name")
    return False


def _note(message: str, place: Place, problems: Problems) -> None:
    problems.add("XT0218", message, place, help="is this the right file?")


def locate(_text: str, key: KeyPath, _part: Part) -> Span:
    """Return the span that a place in code is: its line, column and length."""
    match key:
        case (int() as line, int() as column, int() as length, *_):
            return Span(line, column, length)
    return Span(1, 1, 1)


@lru_cache(maxsize=256)
def _analysed(shown: str, path: str, text: str) -> Code | Diagnostic:
    """Return what a source holds, or what is wrong with it: the same one for the same text."""
    source = Source(shown, text, locate)
    lines = text.split("\n")

    def place(node: ast.AST) -> Place:
        return Place(source, tuple(span(node, lines)))

    # An f-string is read once more for each of its braces.
    tokens = sum(1 for _ in TOKEN.finditer(text)) if len(text) > MAX_TOKENS else 0
    if tokens > MAX_TOKENS or text.count("{") * len(text) > _MAX_BRACES:
        return _unreadable(source, "has more code than one file should")
    try:
        return _code(path, parse(text), place)
    except NotPythonError as error:
        if error.span is None:
            return _unreadable(source, error.message)
        where = Place(source, tuple(error.span))
        tip = "the image has the Python that runs xtask, or the one of its base"
        return Diagnostic("XT0218", error.message, where, "the reader stopped here", help=tip)


def _unreadable(source: Source, reason: str) -> Diagnostic:
    message = f"`{source.path}` {reason}"
    return Diagnostic("XT0218", message, Place(source), help="is this the right file?")


def _code(path: str, tree: ast.Module, place: Callable[[ast.AST], Place]) -> Code:
    top = list(walk(tree, _top))
    functions = [node for node in top if isinstance(node, _FUNCTIONS)]
    return Code(
        path=path,
        names=frozenset(name for node in top for name in _bound(node)),
        functions=tuple(
            Function(
                node.name, _parameters(node.args), _is_async(node), place(node), _arity(node.args)
            )
            for node in functions
        ),
        others=_others(top, place),
        version=_version(top, place),
        routers=read_routers(tree, place),
        imports=tuple(read_imports(tree, place)),
        tables=tuple(code_tables(tree, place)),
        classes=tuple(code_classes(top)),
    )


def _top(node: ast.AST) -> Iterable[ast.AST]:
    """Return what a node has in the scope of the file."""
    alone = isinstance(node, (*_FUNCTIONS, *_SCOPES, ast.ClassDef))
    unbound = isinstance(node, ast.AnnAssign) and node.value is None
    return () if alone or unbound else ast.iter_child_nodes(node)


def _bound(node: ast.AST) -> Iterator[str]:
    """Yield the names that one node of the top binds."""
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            yield name
        case ast.Import(names=names) | ast.ImportFrom(names=names):
            yield from (alias.asname or alias.name.split(".")[0] for alias in names)
        case ast.Name(id=name, ctx=ast.Store()):
            yield name
        case (
            ast.MatchAs(name=str() as name)
            | ast.MatchStar(name=str() as name)
            | ast.MatchMapping(rest=str() as name)
        ):
            yield name


def _parameters(arguments: ast.arguments) -> tuple[str, ...]:
    names = [argument.arg for argument in (*arguments.posonlyargs, *arguments.args)]
    names += [f"*{arguments.vararg.arg}"] if arguments.vararg else []
    names += [argument.arg for argument in arguments.kwonlyargs]
    names += [f"**{arguments.kwarg.arg}"] if arguments.kwarg else []
    return tuple(names)


def _arity(arguments: ast.arguments) -> range:
    """Return with how many arguments a function can be called by position."""
    most = len(arguments.posonlyargs) + len(arguments.args)
    least = most - len(arguments.defaults)
    if None in arguments.kw_defaults:
        return range(0)
    return range(least, _MANY if arguments.vararg else most + 1)


def _others(top: list[ast.AST], place: Callable[[ast.AST], Place]) -> dict[str, tuple[str, Place]]:
    """Return the names that are bound once, to a class or to a value written out."""
    count = Counter(name for node in top for name in _bound(node))
    found = {}
    for node in top:
        match node:
            case ast.ClassDef(name=name):
                found[name] = ("a class", place(node))
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=value)
                | ast.AnnAssign(target=ast.Name(id=name), value=value)
            ) if isinstance(value, _WRITTEN_OUT):
                found[name] = ("a constant", place(node))
    return {name: what for name, what in found.items() if count[name] == 1}


def _is_async(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return isinstance(node, ast.AsyncFunctionDef)


def _version(top: list[ast.AST], place: Callable[[ast.AST], Place]) -> Stated | None:
    """Return the last `__version__ = "…"`."""
    found = None
    for node in top:
        match node:
            case (
                ast.Assign(targets=[ast.Name(id="__version__")], value=value)
                | ast.AnnAssign(target=ast.Name(id="__version__"), value=value)
            ) if (text := string(value)) is not None and value is not None:
                found = Stated(text, place(value))
    return found
