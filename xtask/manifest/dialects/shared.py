"""What several dialects have in common: names, page paths, API operations, and imports."""

from __future__ import annotations

import re
from keyword import iskeyword
from typing import TYPE_CHECKING

from xtask.manifest import grammar
from xtask.manifest.bindings import Package
from xtask.manifest.code import read_code
from xtask.manifest.module import EntryPoint
from xtask.manifest.operations import TooMuchError, read_operations

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from xtask.diagnostics import Problems
    from xtask.manifest.code import Code, Import
    from xtask.manifest.folder import Folder
    from xtask.manifest.module import Operation, Router
    from xtask.manifest.table import Table

# Names that every JavaScript object has already.
_TAKEN_PARAMETERS = frozenset({"constructor", "prototype"})
# The packages that hold the packages of modules in the dialects' own systems.
_HOMES = ("modules", "app.modules")
_PARAMETER = re.compile(r"\{(\w+)\}|\[(\w+)\]", re.ASCII)


def package_name(table: Table, key: str, name: str, parent: str) -> str:
    """Return the dotted package of a folder that is one, nothing when the module has no name.

    Args:
        table: where the name was read.
        key: its key, the place of XT0205 when Python could not import a package of that name.
        name: the module's name.
        parent: the package that holds the packages of all modules of the dialect.
    """
    identifier = name.replace("-", "_")
    if iskeyword(identifier):
        message = f"`{identifier}` is a word of Python's grammar, no package can be called that"
        table.wrong("XT0205", message, key, help="give the module another name")
        return ""
    return f"{parent}.{identifier}" if name else ""


def entry_point(table: Table, key: str, package: str) -> EntryPoint | None:
    """Return `module:attribute` below the package, None when it is none (XT0205)."""
    module, _, attribute = table.text(key, grammar=grammar.ENTRY_POINT).partition(":")
    if not attribute:
        return None
    if word := next((part for part in (*module.split("."), attribute) if iskeyword(part)), None):
        message = f"`{word}` is a word of Python's grammar, nothing can be called that"
        table.wrong("XT0205", message, key, help=grammar.ENTRY_POINT.rule)
        return None
    return EntryPoint(f"{package}.{module}", attribute)


def route_path(table: Table, key: str) -> str:
    """Return the path of a page with `:parameters`, nothing when it is none (XT0205).

    `{id}` and `[id]` become `:id`; a slash at the end is left out, as routers leave it out.
    """
    written = table.text(key)
    if table.kind(key) is not str:
        return ""
    steps = re.sub(r"(?<=[^/])/\Z", "", written).split("/")
    path = "/".join(_PARAMETER.sub(r":\1\2", step) for step in steps)
    if not grammar.ROUTE.matches(path):
        table.checked(written, key, grammar.ROUTE)
        return ""
    check_parameters(table, key, path, help="choose another name for it")
    return path


def check_parameters(table: Table, key: str, path: str, *, help: str) -> None:  # noqa: A002
    """Note parameters of a page's path that hide another (XT0205).

    Args:
        table: where the path is written.
        key: its key there.
        path: the path, with `:parameters`.
        help: what to do about a name that JavaScript has taken.
    """
    names = [step[1:] for step in path.split("/") if step.startswith(":")]
    if word := next((name for name in names if names.count(name) > 1), None):
        message = f"the path has two parameters called `{word}`"
        table.wrong("XT0205", message, key, help="give each parameter a name of its own")
    if word := next((name for name in names if name in _TAKEN_PARAMETERS), None):
        message = f"a parameter cannot be called `{word}`: JavaScript objects have one already"
        table.wrong("XT0205", message, key, help=help)


def route_name(module: str, path: str, taken: Collection[str] = ()) -> str:
    """Return a name for the page at a path, such as `shop.orders-id` for `/orders/:id`.

    Args:
        module: the module's name.
        path: the page's path.
        taken: names of the module's other pages; `-2` and so on keeps the name apart from them.
    """
    words = re.findall(r"[a-z0-9]+", path.lower())
    rest = "-".join(words) or "index"
    owner = module.replace("_", "-")
    name = f"{owner}.{rest}" if rest[0].isalpha() else f"{owner}.page-{rest}"
    number, unique = 1, name
    while unique in taken:
        number += 1
        unique = f"{name}-{number}"
    return unique


def operations(
    routers: Sequence[Router],
    package: str,
    folder: Folder | None,
    files: Mapping[str, Code],
    problems: Problems,
) -> tuple[Operation, ...]:
    """Return what the code of a module's routers answers; see `read_operations`.

    Args:
        routers: those that the manifest names.
        package: what the module is imported as, such as `modules.shop`.
        folder: the package's folder, None when there are no files.
        files: its Python files.
        problems: where XT0218 goes when that is more than anybody writes.
    """
    if folder is None:
        return ()
    try:
        return read_operations(routers, Package(package, files))
    except TooMuchError as error:
        place = folder.place(error.path)
        message = f"`{place.source.path}` has more operations than anybody writes"
        problems.add("XT0218", message, place, help="is this the right file?")
        return ()


def python_files(
    folder: Folder, problems: Problems, *, without: Collection[str] = ()
) -> dict[str, Code]:
    """Return a module's own Python files by path, sorted.

    Args:
        folder: the module's folder.
        problems: where XT0218 of files that cannot be read goes.
        without: folders at the top that are not the module's; tests are left out everywhere.
    """
    found = {}
    for path in folder.matching("**/*.py"):
        top, *rest = path.split("/")[:-1] or [""]
        if top not in without and "tests" not in {top, *rest}:
            found[path] = read_code(folder, path, problems)
    return {path: code for path, code in found.items() if code}


def refuse_imports_of_modules(
    files: Mapping[str, Code],
    package: str,
    problems: Problems,
    *,
    allowed: Collection[str] = (),
) -> None:
    """Note every import of another module's code (XT0219), absolute or relative.

    One that may fail, or that only a type checker follows, is a warning.

    Args:
        files: the module's Python files.
        package: what it is imported as, such as `modules.shop`.
        problems: where it is noted.
        allowed: other packages that it may import, such as those of the modules that it needs.
    """
    for path, code in files.items():
        for item in code.imports:
            for other in sorted(set(_modules(item, path, package)) - {package, *allowed}):
                is_all = other in _HOMES or not other
                problems.add(
                    "XT0219",
                    f"`{package}` imports `{other}`, which is another module"
                    if not is_all
                    else f"`{package}` imports `{other}`, where all modules are"
                    if other
                    else f"`{package}` has a relative import that leads out of every package",
                    item.place,
                    help=f"write `from {package} import …` for what is your own"
                    if is_all
                    else "publish an event, call its API, or keep what you need in your own module",
                    severity="warning" if item.guarded else "error",
                )


def _modules(item: Import, path: str, package: str) -> Iterator[str]:
    """Yield the packages of modules, such as `modules.shop`, that an import reads from.

    The package of all of them counts when it is imported itself; nothing is above the outermost.
    """
    if item.level:
        here = [*package.split("."), *path.split("/")[:-1]]
        above = here[: max(len(here) - item.level + 1, 0)]
        if not above:
            yield ""
            return
        module = ".".join([*above, *([item.module] if item.module else [])])
    else:
        module = item.module
    if module in _HOMES and (not item.names or "*" in item.names):
        yield module
    yield from sorted({f"{module}.{name}" for name in item.names}.intersection(_HOMES))
    names = (name for name in item.names if name != "*") if module in _HOMES else ("",)
    for name in names:
        for home in _HOMES:
            whole = f"{module}.{name}"
            if whole.startswith(f"{home}."):
                yield f"{home}.{whole[len(home) + 1 :].split('.', maxsplit=1)[0]}"
