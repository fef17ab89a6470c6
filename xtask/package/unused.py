"""Which third-party packages a module declares and never uses.

A package may be used without an import of the module's: this errs towards saying nothing.
"""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, NamedTuple

from xtask.package.declared import imported, trees
from xtask.resolve.lock import normalised

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from xtask.diagnostics import Problems
    from xtask.manifest.module import Dependency, Module
    from xtask.package.declared import Installed, Seen
    from xtask.resolve.select import Selection

# What Python's `zoneinfo` imports where the system has no time zones.
_OF_PYTHON = frozenset({"tzdata"})
# Entry points that start a program; what is in any other group is found by whoever looks there.
_PROGRAMS = frozenset({"console_scripts", "gui_scripts"})
# A name in a string that is no sentence: `postgresql+asyncpg://`, `uvicorn`, `a.log.Formatter`.
_NAMES = re.compile(r"[\w.+:/=-]+")
_WORD = re.compile(r"\w+")


class _Unused(NamedTuple):
    dependency: Dependency
    distribution: str
    names: frozenset[str]


def warn_of_unused(
    selection: Selection,
    uses: Mapping[str, Iterable[Seen]],
    files: Mapping[str, Iterable[str]],
    third_party: Installed,
    problems: Problems,
) -> None:
    """Warn of packages that a module declares and nothing in it uses (XT0403).

    Used is what any of its files imports or names in a string, tests too. Nothing is said of a
    package without anything to import, of one with extras, of a plugin, and of one that another
    package of the product imports if it is there, as SQLAlchemy does with drivers.

    Args:
        selection: the product.
        uses: what the code of each module imports, by its name.
        files: the paths of each module's own files, by its name.
        third_party: what modules ask for.
        problems: where they go.
    """
    loaded: frozenset[str] | None = None
    for module in selection.modules:
        seen = {item.name for item in uses.get(module.name, ())}
        unused = [item for item in _declared(module, third_party) if item.names.isdisjoint(seen)]
        if not unused or module.root is None:
            continue
        named = _named(module.root, list(files.get(module.name, ())))
        loaded = _loaded_by_others(third_party.site) if loaded is None else loaded
        for item in unused:
            if item.names.isdisjoint(named) and item.distribution not in loaded:
                problems.warn(
                    "XT0403",
                    f"`{module.name}` declares `{item.distribution}` and imports nothing of it",
                    item.dependency.place,
                    help="remove it: every lock, every image and every update has it for nothing",
                )


def _declared(module: Module, third_party: Installed) -> Iterator[_Unused]:
    """Yield what a module declares that is in the product and has something to import."""
    from packaging.requirements import Requirement  # noqa: PLC0415 - start-up

    for item in module.dependencies:
        requirement = Requirement(item.text)
        name = normalised(requirement.name)
        names = frozenset(top for top, made_by in third_party.names.items() if name in made_by)
        if names and not requirement.extras:
            yield _Unused(item, name, names)


def _named(root: Path, paths: list[str]) -> frozenset[str]:
    """Return the top names that files import, and those in strings that are no sentences."""
    found = {seen.name for seen in imported(root, paths)}
    for _, tree in trees(root, paths):
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.update(_WORD.findall(node.value) if _NAMES.fullmatch(node.value) else ())
    return frozenset(found)


def _loaded_by_others(site: Path) -> frozenset[str]:
    """Return the distributions that are used without an import of their name by the module."""
    from configparser import ConfigParser  # noqa: PLC0415 - start-up
    from email.parser import HeaderParser  # noqa: PLC0415

    from packaging.requirements import Requirement  # noqa: PLC0415

    found = set(_OF_PYTHON)
    for folder in sorted(site.glob("*.dist-info")):
        points = ConfigParser(delimiters=("=",), interpolation=None, strict=False)
        points.read(folder / "entry_points.txt", encoding="utf-8")
        if not _PROGRAMS.issuperset(points.sections()):
            found.add(normalised(folder.name.split("-")[0]))
        about = HeaderParser().parsestr((folder / "METADATA").read_text("utf-8"))
        needs = map(Requirement, about.get_all("Requires-Dist", ()))
        found.update(normalised(item.name) for item in needs if "extra" in str(item.marker))
    return frozenset(found)
