"""Writes a module whose manifest is JSON, reads it, and says what was found wrong and where."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from tests.support import workspace
from xtask.diagnostics import Problems
from xtask.manifest.dialects import read_module

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from xtask.manifest.module import Module

Path_ = tuple[str | int, ...]
GONE: Any = ...
"""As a value: the key is not there."""

ANY = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["../x", "/a/:b", "a.py", "x.ts", "*", "0 0 * * *", "(", "9" * 400]),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.text(max_size=4), inside),
    max_leaves=8,
)
"""Any JSON value, and some that look like ones of a manifest."""


def changed(manifest: Mapping[str, Any], changes: Mapping[Path_, Any]) -> dict[str, Any]:
    """Return the manifest with other values at some key paths; the deepest are changed first."""
    values: dict[str, Any] = deepcopy(dict(manifest))
    for path, value in sorted(changes.items(), key=lambda change: -len(change[0])):
        inside: Any = values
        for key in path[:-1]:
            inside = inside[key]
        if value is GONE:
            del inside[path[-1]]
        else:
            inside[path[-1]] = value
    return values


def paths(value: Any, base: Path_ = ()) -> Iterator[Path_]:
    """Yield the key paths of everything in a JSON value."""
    inside = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in inside:
        yield (*base, key)
        if isinstance(item, dict | list):
            yield from paths(item, (*base, key))


def read(
    root: Path, files: Mapping[str, str], name: str, manifest: Mapping[str, Any]
) -> tuple[Module, list[str]]:
    """Return a module and its problems as `CODE severity file:line:column message`, sorted.

    Args:
        root: the folder, which is shown by its own name.
        files: other files of the module.
        name: the manifest's file name.
        manifest: its values.
    """
    workspace.write(root, {name: json.dumps(manifest, indent=1, ensure_ascii=False), **files})
    problems = Problems()
    module = read_module(root, root.name, problems)
    assert module
    return module, sorted(
        "{} {} {}:{}:{} {}".format(
            item.code,
            item.severity,
            item.place.source.path,
            *item.place.span()[:2],
            item.message,
        )
        for item in problems.found
    )


def codes(found: list[str]) -> list[str]:
    """Return only code and severity of problems."""
    return [" ".join(item.split(" ")[:2]) for item in found]
