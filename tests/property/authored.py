"""What the verbs of authors write, with hostile text in the words of the command line."""

from __future__ import annotations

import ast
import json
import tomllib
from functools import cache
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from xtask.author.edit import with_entry
from xtask.author.scaffold import DIALECTS, require_name, scaffold
from xtask.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from random import Random

PLAIN = "gift"
COMPOSITION = 'schema = 1\napp = "shop" # ours\n\n[modules]\nhost = { path = "host" }\n\n# last\n'
_KEYS = {"path": "path", "git": "git", "registry": "registry", "index": "package"}


def new(name: str, dialect: str) -> bool:
    """Return whether a module of that name is begun; its files are those of any other name.

    Raises:
        AssertionError: some file has other syntax than with a plain name.
    """
    try:
        files = scaffold(name, dialect)
    except UsageError:
        return False
    found = {path: shape_of(path, data) for path, data in files.items()}
    package = name.replace("-", "_")
    assert found == {path.replace(PLAIN, package): shape for path, shape in plain(dialect).items()}
    return True


@cache
def plain(dialect: str) -> Mapping[str, object]:
    return {path: shape_of(path, data) for path, data in scaffold(PLAIN, dialect).items()}


def shape_of(path: str, data: bytes) -> object:
    """Return what a file is but for its names and texts: kinds of nodes, or types of values."""
    text = data.decode()
    match PurePosixPath(path).suffix:
        case ".py":
            return [type(node) for node in ast.walk(ast.parse(text))]
        case ".json":
            return _types(json.loads(text))
        case ".toml":
            return _types(tomllib.loads(text))
        case _:
            return len(text.splitlines())


def _types(value: Any) -> Any:
    if isinstance(value, dict):
        return [_types(item) for item in value.values()]
    return [_types(item) for item in value] if isinstance(value, list) else type(value)


def add(name: str, source: str, where: str) -> bool:
    """Return whether a line is added; it says what was asked for, and the others are as before.

    Raises:
        AssertionError: it says something else.
    """
    entry = {"source": source, _KEYS[source]: where}
    try:
        require_name(name)
        text = with_entry(COMPOSITION, name, entry)
    except UsageError:
        return False
    before, after = COMPOSITION.split("\n"), text.split("\n")
    assert tomllib.loads(text)["modules"] == {"host": {"path": "host"}, name: entry}
    assert [line for line in after if line not in before] == after[5:6]
    assert [line for line in after if line in before] == before
    return True


def outcome(random: Random, hostile: str) -> tuple[bool, bool]:
    """Return whether a module is begun, and whether one is added, with hostile words."""
    beside = [
        f"{PLAIN}{hostile}",
        f"{hostile}{PLAIN}",
        hostile,
        PLAIN,
        "gift2",
        "a_b1",
        "gift-cards",
    ]
    name, other = random.choice(beside), random.choice(beside)
    return new(name, random.choice(DIALECTS)), add(other, random.choice([*_KEYS]), hostile)
