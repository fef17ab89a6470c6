"""A valid manifest with any values at any of its keys is read, or refused with problems."""

from __future__ import annotations

import shutil
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.property.test_dialects import read, shuffled
from tests.support.budgets import budget
from tests.support.examples import EXAMPLES, facts_of, written
from tests.support.manifests import GONE, paths

if TYPE_CHECKING:
    from pathlib import Path

    from xtask.diagnostics import Problems
    from xtask.manifest.module import Module

MUTATIONS = 3
# JSON and Python have no end of an integer, TOML has; TOML has no null.
INTEGERS = {
    ".toml": st.integers(-(2**63), 2**63 - 1),
    ".json": st.integers() | st.just(10**400),
    ".py": st.integers() | st.just(-(10**400)),
}
ODD = ["", " ", "../x", "/a/:b", "a.py", "x.ts", "*", "0 0 * * *", "(", "(a+)+$", "\0", "\u202e"]
ODD += ["__proto__", "a" * 20_000, "9" * 5_000, "1.0.0-" + "a." * 300 + "a", "modules." * 200]


def deep(levels: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(levels):
        value = [value]
    return value


def values(suffix: str) -> st.SearchStrategy[Any]:
    """Return any value that a notation can hold: also deep, huge and odd ones."""
    leaves = st.booleans() | INTEGERS[suffix] | st.text(max_size=8) | st.sampled_from(ODD)
    leaves |= st.floats(allow_nan=False, allow_infinity=False)
    leaves |= st.nothing() if suffix == ".toml" else st.none()
    inside = st.recursive(
        leaves,
        lambda item: (
            st.lists(item, max_size=3)
            | st.dictionaries(st.text(min_size=1, max_size=5), item, max_size=3)
        ),
        max_leaves=8,
    )
    return inside | st.builds(deep, st.integers(10, 60)) | st.just(["a", 1] * 500)


def mutated(data: st.DataObject, manifest: dict[str, Any], suffix: str) -> dict[str, Any]:
    """Return the manifest with some values removed, replaced, or added beside others."""
    for _ in range(data.draw(st.integers(1, MUTATIONS))):
        *outer, key = data.draw(st.sampled_from([*paths(manifest)] or [("name",)]))
        inside: Any = manifest
        for step in outer:
            inside = inside[step]
        value = data.draw(values(suffix) | st.just(GONE))
        if value is not GONE:
            inside[key] = value
        elif key in inside or isinstance(inside, list):
            del inside[key]
    return manifest


def result(module: Module | None, problems: Problems) -> tuple[object, list[tuple[str, ...]]]:
    """Return what was read, and what was said of it, without places."""
    said = sorted((item.code, item.severity, item.message) for item in problems.found)
    return module and facts_of(module), said


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy every example into a folder of its own."""
    folder = tmp_path_factory.mktemp("mutations")
    for name, example in EXAMPLES.items():
        shutil.copytree(example.folder, folder / name / example.folder.name)
    return folder


@pytest.mark.parametrize("name", EXAMPLES)
@budget(20)
@given(data=st.data(), seed=st.integers(0, 9))
def test_any_value_at_any_key_is_read_or_a_problem_in_any_order(
    root: Path, name: str, data: st.DataObject, seed: int
) -> None:
    example = EXAMPLES[name]
    folder, path = root / name / example.folder.name, example.filename
    manifest = mutated(data, example.read(), "." + path.rsplit(".", 1)[1])
    (folder / path).write_text(written(manifest, path), newline="")
    module, problems, seconds = read(folder)
    assert module or problems.errors
    assert seconds < 1
    other = shuffled(manifest, Random(seed))  # noqa: S311 - repeatable, not secret
    (folder / path).write_text(written(other, path), newline="")
    again, others, _ = read(folder)
    assert result(module, problems) == result(again, others)
