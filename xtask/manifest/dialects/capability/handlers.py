"""The code that a capability module names: a file of it, and a name in that file.

Handlers in Python are loaded; those in TypeScript or JavaScript make the module one that can be
checked and resolved, and not be built into a Python image.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from keyword import iskeyword
from typing import TYPE_CHECKING, NamedTuple

from xtask.manifest import grammar
from xtask.manifest.code import symbol
from xtask.manifest.module import (
    Endpoint,
    EntryPoint,
    Event,
    Hook,
    Job,
    Operation,
    Router,
    Setting,
    Stated,
)
from xtask.manifest.table import shortened

if TYPE_CHECKING:
    from xtask.manifest.folder import Folder
    from xtask.manifest.table import Table

_LANGUAGES = {"ts": "TypeScript", "js": "JavaScript"}
_PYTHON = re.compile(r"((?:[A-Za-z_]\w*/)*[A-Za-z_]\w*)\.py(?::([A-Za-z_]\w*))?", re.ASCII)
_SCRIPT = re.compile(r"([\w.-]+(?:/[\w.-]+)*\.[cm]?(ts|js)x?)(?::[\w$]+)?", re.ASCII)
_FUNCTION = re.compile(r"[A-Za-z_]\w*", re.ASCII)
HANDLER_RULE = "a file in the module and a function in it: `handlers/list_vms.py:handler`"


class Identity(NamedTuple):
    """What every part of a module is named after, and where its files are looked up."""

    name: str
    title: str
    package: str
    prefix: str
    folder: Folder | None
    is_nested: bool


@dataclass(slots=True)
class Code:
    """What was read of the code so far.

    `needs` are the permissions that its routes ask for, `patterns` those of all settings.
    """

    endpoints: list[Endpoint] = field(default_factory=list)
    operations: list[Operation] = field(default_factory=list)
    routers: list[Router] = field(default_factory=list)
    jobs: list[Job] = field(default_factory=list)
    hooks: list[Hook] = field(default_factory=list)
    emits: list[Event] = field(default_factory=list)
    settings: list[Setting] = field(default_factory=list)
    foreign: list[Stated] = field(default_factory=list)
    needs: set[str] = field(default_factory=set)
    patterns: list[str] = field(default_factory=list)


def read_handler(  # noqa: PLR0913 - keyword-only where it matters
    table: Table,
    key: str,
    identity: Identity,
    code: Code,
    *,
    attribute: str = "handler",
    entry: EntryPoint | None = None,
) -> EntryPoint | None:
    """Return what a handler names in Python; None for one that is noted as foreign or as wrong.

    Args:
        table: where it is written.
        key: its key there.
        identity: the module.
        code: where a foreign one is noted.
        attribute: the name that counts when only a file is written.
        entry: the module's entry in Python, where functions without a file are.
    """
    written = table.text(key)
    if table.kind(key) is not str:
        return None
    path = written.removeprefix("./") if len(written) <= grammar.MAX_LENGTH else ""
    place = table.place.at(key)
    if found := _PYTHON.fullmatch(path):
        steps = found[1].removesuffix("/__init__").replace("__init__", "").split("/")
        return _symbol(table, key, identity, steps, found[2] or attribute)
    if (found := _SCRIPT.fullmatch(path)) and ".." not in path.split("/"):
        code.foreign.append(Stated(f"its handlers are {_LANGUAGES[found[2]]}", place))
        if identity.folder and not identity.folder.has_file(found[1]):
            message = f"there is no file `{shortened(found[1])}`"
            table.wrong("XT0211", message, key, help="it is looked for in the module's folder")
    elif _FUNCTION.fullmatch(path) and key == "handler":
        if entry:
            steps = entry.module.removeprefix(identity.package).split(".")[1:]
            return _symbol(table, key, identity, steps, path)
        code.foreign.append(Stated("its handlers are functions of JavaScript", place))
    else:
        message = f"`{shortened(written)}` is not a handler"
        table.wrong("XT0205", message, key, help=HANDLER_RULE)
    return None


def _symbol(
    table: Table, key: str, identity: Identity, steps: list[str], attribute: str
) -> EntryPoint | None:
    """Return a name in a file of the module's package; XT0211, XT0217 when it is not there."""
    if word := next((step for step in (*steps, attribute) if iskeyword(step)), None):
        message = f"`{word}` is a word of Python's grammar, nothing can be called that"
        table.wrong("XT0205", message, key, help="rename it")
        return None
    module = ".".join(step for step in steps if step)
    if identity.folder:
        symbol(identity.folder, module, attribute, table.place.at(key), table.problems)
    whole = f"{identity.package}.{module}" if module else identity.package
    return EntryPoint(whole, attribute) if identity.package else None
