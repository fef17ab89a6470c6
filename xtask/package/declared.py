"""Which third-party packages the code of a module imports, against those that it declares.

An import that another module's requirements happen to satisfy breaks when that module leaves.
"""

from __future__ import annotations

import ast
import sys
from typing import TYPE_CHECKING, NamedTuple

from xtask.diagnostics import Place, Source, Span
from xtask.manifest.dialects import dialect_called
from xtask.manifest.imports import read_imports
from xtask.package.shadowing import top_name
from xtask.resolve.lock import normalised

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from xtask.diagnostics import Problems
    from xtask.manifest.module import Module
    from xtask.resolve.select import Selection


class Seen(NamedTuple):
    """A package that is imported: its top name, and where for the first time.

    `optional`: everywhere it is, the code goes on without it.
    """

    name: str
    path: str
    line: int
    optional: bool


class Installed(NamedTuple):
    """The third-party packages of a product, in a folder on its module path.

    `names` says which distributions each top name comes from; several share the name of a
    namespace, such as `google`.
    """

    site: Path
    names: Mapping[str, frozenset[str]]


def imported(root: Path, paths: Iterable[str]) -> tuple[Seen, ...]:
    """Return the packages that files import by absolute name, sorted; the standard library is not.

    A file that is not Python is left to the import check.
    """
    found: dict[str, Seen] = {}
    for path, tree in trees(root, paths):
        for item in read_imports(tree, _line):
            name = item.module.partition(".")[0]
            seen = Seen(name, path, int(item.place.key[0]), item.guarded)
            known = found.get(name, seen)
            if item.level == 0 and name and name not in sys.stdlib_module_names:
                found[name] = seen if known.optional and not seen.optional else known
    return tuple(sorted(found.values()))


def trees(root: Path, paths: Iterable[str]) -> Iterator[tuple[str, ast.Module]]:
    """Yield the Python files among some, sorted by path, as syntax trees; not what is none."""
    for path in sorted(path for path in paths if path.endswith(".py")):
        try:
            yield path, ast.parse((root / path).read_bytes())
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue


def _line(node: ast.AST) -> Place:
    return Place(Source(""), (getattr(node, "lineno", 1),))


def installed(site: Path) -> Installed:
    """Return what is installed in a folder, as the RECORD of each distribution says."""
    found: dict[str, set[str]] = {}
    for listing in sorted(site.glob("*.dist-info/RECORD")):
        distribution = normalised(listing.parent.name.split("-")[0])
        for line in listing.read_text("utf-8").splitlines():
            if name := top_name(line.split(",")[0]):
                found.setdefault(name, set()).add(distribution)
    return Installed(site, {name: frozenset(made_by) for name, made_by in found.items()})


def check_declared(
    selection: Selection,
    uses: Mapping[str, Iterable[Seen]],
    third_party: Installed,
    problems: Problems,
) -> None:
    """Note imports of packages that a module does not declare (XT0402).

    A module of another system may use what its platform has, and what the host declares.

    Args:
        selection: the product.
        uses: what the code of each module imports, by its name.
        third_party: what modules ask for.
        problems: where they go.
    """
    of_host = declared(selection.host) if selection.host else frozenset()
    for module in selection.modules:
        known = declared(module)
        if module.is_package:
            known |= dialect_called(module.dialect).PLATFORM | of_host
        for seen in uses.get(module.name, ()):
            distributions = third_party.names.get(seen.name, frozenset())
            if distributions and not seen.optional and known.isdisjoint(distributions):
                problems.add(
                    "XT0402",
                    f"`{module.name}` imports `{seen.name}`, which it does not declare",
                    _place(module, seen),
                    help=f"add `{min(distributions)}` to what it depends on: it is here only "
                    "because another module asks for it",
                )


def declared(module: Module) -> frozenset[str]:
    """Return the distributions that a module declares, by their normalised names."""
    from packaging.requirements import Requirement  # noqa: PLC0415 - start-up

    return frozenset(normalised(Requirement(item.text).name) for item in module.dependencies)


def _place(module: Module, seen: Seen) -> Place:
    folder = module.place.source.path.rpartition("/")[0]
    text = (module.root / seen.path).read_text("utf-8", "replace") if module.root else ""
    line = text.split("\n")[seen.line - 1] if text else ""
    indent = len(line) - len(line.lstrip())
    span = Span(seen.line, indent + 1, max(1, len(line.strip())))
    return Place(Source(f"{folder}/{seen.path}", text, lambda _text, _key, _part: span))
