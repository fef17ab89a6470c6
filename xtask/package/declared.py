"""Which third-party packages the code of a module imports, against those that it declares.

An import that another module's requirements happen to satisfy breaks when that module leaves.
"""

from __future__ import annotations

import ast
import sys
from typing import TYPE_CHECKING, NamedTuple

from xtask.diagnostics import Place, Source, Span
from xtask.manifest.imports import read_imports
from xtask.resolve.lock import normalised

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from xtask.diagnostics import Problems
    from xtask.manifest.module import Module
    from xtask.resolve.select import Selection


# What every other system than ours runs its modules on, and what no module there declares.
_PLATFORM = frozenset({"fastapi", "pydantic", "sqlalchemy", "starlette"})


class Seen(NamedTuple):
    """A package that is imported: its top name, and where for the first time.

    `optional`: everywhere it is, the code goes on without it.
    """

    name: str
    path: str
    line: int
    optional: bool


def imported(root: Path, paths: Iterable[str]) -> tuple[Seen, ...]:
    """Return the packages that files import by absolute name, sorted; the standard library is not.

    A file that is not Python is left to the import check.
    """
    found: dict[str, Seen] = {}
    for path in sorted(path for path in paths if path.endswith(".py")):
        try:
            tree = ast.parse((root / path).read_bytes())
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        for item in read_imports(
            tree, lambda node: Place(Source(""), (getattr(node, "lineno", 1),))
        ):
            name = item.module.partition(".")[0]
            seen = Seen(name, path, int(item.place.key[0]), item.guarded)
            known = found.get(name, seen)
            if item.level == 0 and name and name not in sys.stdlib_module_names:
                found[name] = seen if known.optional and not seen.optional else known
    return tuple(sorted(found.values()))


def _line(node: ast.AST) -> Place:
    return Place(Source(""), (getattr(node, "lineno", 1),))


def providers(site: Path) -> dict[str, str]:
    """Return which distribution each top name on a module path comes from (its RECORD)."""
    found = {}
    for listing in sorted(site.glob("*.dist-info/RECORD")):
        distribution = normalised(listing.parent.name.split("-")[0])
        for line in listing.read_text("utf-8").splitlines():
            top = line.split(",")[0].split("/")[0]
            if not top.endswith((".dist-info", ".data")):
                found[top.removesuffix(".py")] = distribution
    return found


def check_declared(
    selection: Selection,
    uses: Mapping[str, Iterable[Seen]],
    provided: Mapping[str, str],
    problems: Problems,
) -> None:
    """Note imports of packages that a module does not declare (XT0402).

    A module of another system may use what its platform has, and what the host declares.

    Args:
        selection: the product.
        uses: what the code of each module imports, by its name.
        provided: which third-party distribution each top name comes from.
        problems: where they go.
    """
    platform = _PLATFORM | (_declared(selection.host) if selection.host else frozenset())
    for module in selection.modules:
        known = _declared(module) | (platform if module.is_package else frozenset())
        for seen in uses.get(module.name, ()):
            distribution = provided.get(seen.name)
            if distribution and distribution not in known and not seen.optional:
                problems.add(
                    "XT0402",
                    f"`{module.name}` imports `{seen.name}`, which it does not declare",
                    _place(module, seen),
                    help=f"add `{distribution}` to what it depends on: it is here only because "
                    "another module asks for it",
                )


def _declared(module: Module) -> frozenset[str]:
    from packaging.requirements import Requirement  # noqa: PLC0415 - start-up

    return frozenset(normalised(Requirement(item.text).name) for item in module.dependencies)


def _place(module: Module, seen: Seen) -> Place:
    folder = module.place.source.path.rpartition("/")[0]
    text = (module.root / seen.path).read_text("utf-8", "replace") if module.root else ""
    line = text.split("\n")[seen.line - 1] if text else ""
    indent = len(line) - len(line.lstrip())
    span = Span(seen.line, indent + 1, max(1, len(line.strip())))
    return Place(Source(f"{folder}/{seen.path}", text, lambda _text, _key, _part: span))
