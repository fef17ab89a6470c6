"""What a capability module needs: other modules, npm packages, and a system to run on."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from xtask.manifest import grammar
from xtask.manifest.module import FrontEndDependency, Requirement, Stated

if TYPE_CHECKING:
    from xtask.manifest.table import Table

_PACKAGE = grammar.Grammar(
    r"(@[a-z0-9~-][a-z0-9._~-]*/)?[a-z0-9~-][a-z0-9._~-]*",
    "a name of an npm package",
    "lower-case letters, digits, `-`, `.` and `_`, such as `date-fns` or `@scope/name`",
)
_GROUPS = ("modules", "npm", "system")
_MAX_RANGE = 256


class Dependencies(NamedTuple):
    """Modules that have to be in the product, and what its front end is made with.

    `node` is a range of Node.js, None for any.
    """

    modules: tuple[Requirement, ...]
    packages: tuple[FrontEndDependency, ...]
    node: Stated | None


def read_dependencies(dependencies: Table, *, is_nested: bool) -> Dependencies:
    """Return what a module needs; the flat format has npm packages beside the other tables."""
    has_system = is_nested or dependencies.kind("system") is not str
    found = Dependencies(
        _modules(dependencies, is_nested=is_nested),
        _packages(dependencies, is_nested=is_nested),
        _node(dependencies.table("system")) if has_system else None,
    )
    dependencies.done()
    return found


def _modules(dependencies: Table, *, is_nested: bool) -> tuple[Requirement, ...]:
    found = []
    if is_nested or dependencies.kind("modules") is not str:
        modules = dependencies.table("modules")
        for name in modules.keys():  # noqa: SIM118 - not a dict
            modules.require_key(name, grammar.NAME)
            text = modules.text(name)
            if modules.kind(name) is str:
                found.append(Requirement(name, _as_ours(text), modules.place.at(name)))
    return tuple(sorted(found, key=lambda item: item[:2]))


def _node(system: Table) -> Stated | None:
    """Return the range of Node.js; which database there is says the environment of a release."""
    written = system.optional_text("node")
    if system.value("database") is not None:
        message = "`database` is not checked: the environment of a release says which one there is"
        tip = "remove it; migrations are the same everywhere"
        system.problems.warn("XT0223", message, system.place.at("database"), help=tip)
    system.done()
    return None if written is None else Stated(written, system.place.at("node"))


def _packages(dependencies: Table, *, is_nested: bool) -> tuple[FrontEndDependency, ...]:
    is_table = is_nested or dependencies.kind("npm") is not str
    groups = [dependencies.table("npm")] if is_table else []
    if not is_nested:
        groups.append(dependencies)
    found = []
    for group in groups:
        for name in group.keys():  # noqa: SIM118 - not a dict
            if group is dependencies and name in _GROUPS and group.kind(name) is not str:
                continue
            group.require_key(name, _PACKAGE)
            text = group.text(name)
            if group.kind(name) is str:
                found.append(FrontEndDependency(name, text.strip() or "*", group.place.at(name)))
    return tuple(sorted(found, key=lambda item: item[:2]))


def _as_ours(text: str) -> str:
    """Return an npm range as we write it.

    In npm a version without operator means exactly that one, and `a - b` all from a to b.
    """
    if len(text) > _MAX_RANGE:
        return text
    found = []
    for alternative in text.split("||"):
        ends = alternative.split(" - ")
        if len(ends) == 2:  # noqa: PLR2004 - from and to
            alternative = f">={ends[0].strip()} <={ends[1].strip()}"  # noqa: PLW2901
        words = re.sub(r"([<>=~^])\s+", r"\1", alternative).split()
        plain = [re.sub(r"^([<>=~^]*)v(?=\d)", r"\1", word) for word in words]
        found.append(" ".join(f"={word}" if word[0].isdigit() else word for word in plain) or "*")
    return " || ".join(found)
