"""Laws that hold for the readers of all dialects."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import workspace
from tests.support.budgets import budget
from tests.support.examples import EXAMPLES, GOLDEN, facts_of, written
from xtask.diagnostics import Problems
from xtask.generate.tree import generate
from xtask.manifest.dialects import FILENAMES, dialect_called, read_module

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.support.examples import Example
    from xtask.manifest.module import Module

ROOT = Path(__file__).parents[2]
NAMES = sorted({name for names in FILENAMES.values() for name in names})
# Every example under every file name that its own dialect does not have.
FOREIGN = [
    (name, filename)
    for name, example in EXAMPLES.items()
    for filename in NAMES
    if filename not in FILENAMES[example.dialect]
]
PRODUCTS = ["flux", "fastvue", "capability", "bmc", "rustok", "modules_of_five_systems"]
DEEP = 30_000
BOMBS = {
    "lists": b"[" * DEEP,
    "tables": b'{"a":' * DEEP,
    "brackets": b"(" * DEEP,
    "signs": b"-" * DEEP + b"1",
    "sums": b"1" + b"+1" * DEEP,
    "texts": b'{"name": ' + b"'a' " * DEEP + b"}",
    "digits": b'{"version": ' + b"9" * DEEP + b"}",
    "exponent": b'{"version": 1e999999999}',
    "arrays": b"x = " + b"[" * DEEP,
    "dots": b".".join([b"a"] * DEEP) + b" = 1",
    "tables of tables": b"[a" + b".a" * DEEP + b"]",
    "keys": b"{" + b",".join(b'"%d": 1' % number for number in range(DEEP)) + b"}",
    "surrogate": rb'{"name": "\ud800"}',
    "zero": b'{"name": "a\0"}',
    "utf-16": '{"name": "a"}'.encode("utf-16"),
    "mark": b'\xef\xbb\xbf{"name": "a"}',
    "not utf-8": b'{"name": "\xff"}',
    "nothing": b"",
    "spaces": b" " * 900_000,
    "comment": b"#" * 900_000,
    "too much": b"x" * 2_000_000,
}
READ_BOMBS = """
import re, sys
from pathlib import Path
from tests.property.test_dialects import BOMBS, NAMES
from tests.support import workspace
from xtask.diagnostics import Problems
from xtask.manifest.dialects import read_module
for name in NAMES:
    for bomb in BOMBS.values():
        folder = Path(sys.argv[1]) / name
        read_module(workspace.write(folder, {name: bomb}), "x", Problems())
print(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy every example into a folder of its own."""
    folder = tmp_path_factory.mktemp("examples")
    for name, example in EXAMPLES.items():
        shutil.copytree(example.folder, folder / name / example.folder.name)
    return folder


def read(folder: Path) -> tuple[Module | None, Problems, float]:
    """Return a module, its problems, and how many seconds of a processor it took."""
    problems, start = Problems(), time.process_time()
    module = read_module(folder, folder.name, problems)
    return module, problems, time.process_time() - start


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_example_is_read_without_an_error(root: Path, name: str) -> None:
    module, problems, _ = read(root / name / EXAMPLES[name].folder.name)
    assert module
    assert (module.dialect, problems.errors) == (EXAMPLES[name].dialect, [])


@pytest.mark.parametrize("filename", NAMES)
@pytest.mark.parametrize("bomb", BOMBS)
def test_no_file_is_too_strange(tmp_path: Path, filename: str, bomb: str) -> None:
    workspace.write(tmp_path / "odd", {filename: BOMBS[bomb]})
    _, problems, seconds = read(tmp_path / "odd")
    assert problems.errors
    assert seconds < 1


def test_no_file_takes_much_memory(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", READ_BOMBS, str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert 10_000 < int(done.stdout) < 256_000


@budget(200)
@given(st.sampled_from(NAMES), st.binary(max_size=200))
def test_no_bytes_make_reading_raise(
    tmp_path_factory: pytest.TempPathFactory, filename: str, data: bytes
) -> None:
    folder = tmp_path_factory.getbasetemp() / "bytes" / filename / "odd"
    _, problems, seconds = read(workspace.write(folder, {filename: data}))
    assert problems.errors
    assert seconds < 1


@pytest.mark.parametrize("name", EXAMPLES)
@budget(150)
@given(data=st.data())
def test_no_edit_of_an_example_makes_reading_raise(
    root: Path, name: str, data: st.DataObject
) -> None:
    example = EXAMPLES[name]
    before = (example.folder / example.filename).read_bytes()
    start = data.draw(st.integers(0, len(before)))
    end = data.draw(st.integers(start, min(len(before), start + 30)))
    piece = data.draw(st.binary(max_size=6) | st.sampled_from(before.split()))
    folder = root / name / example.folder.name
    (folder / example.filename).write_bytes(before[:start] + piece + before[end:])
    try:
        module, problems, seconds = read(folder)
        assert module or problems.errors
        assert seconds < 1
    finally:
        (folder / example.filename).write_bytes(before)


@pytest.mark.parametrize("name", FILENAMES)
def test_a_dialect_is_the_module_of_its_name(name: str) -> None:
    assert name == dialect_called(name).NAME_OF_DIALECT


@pytest.mark.parametrize("name", EXAMPLES)
def test_one_dialect_recognises_an_example(name: str) -> None:
    example = EXAMPLES[name]
    found = [
        dialect
        for dialect, names in FILENAMES.items()
        if example.filename in names and dialect_called(dialect).recognises(example.read())
    ]
    assert found == [example.dialect]


@pytest.mark.parametrize(("name", "filename"), FOREIGN)
def test_no_dialect_accepts_the_example_of_another(
    tmp_path: Path, name: str, filename: str
) -> None:
    example = EXAMPLES[name]
    folder = tmp_path / example.folder.name
    shutil.copytree(example.folder, folder)
    (folder / example.filename).unlink()
    _, problems, _ = read(workspace.write(folder, {filename: _of(example, filename)}))
    assert problems.errors


def _of(example: Example, filename: str) -> str:
    return written(_without_none(example.read()), filename)


def _without_none(values: Any) -> Any:
    """Return values without the ones that TOML does not have."""
    if isinstance(values, dict):
        return {key: _without_none(item) for key, item in values.items() if item is not None}
    return [_without_none(item) for item in values] if isinstance(values, list) else values


def shuffled(values: Any, random: Random) -> Any:
    """Return the same values with the keys of every table in another order."""
    if isinstance(values, dict):
        keys = random.sample([*values], len(values))
        return {key: shuffled(values[key], random) for key in keys}
    return [shuffled(item, random) for item in values] if isinstance(values, list) else values


@pytest.mark.parametrize("name", EXAMPLES)
@pytest.mark.parametrize("seed", range(5))
def test_layout_and_order_of_keys_change_nothing_that_is_read(
    tmp_path: Path, name: str, seed: int
) -> None:
    example = EXAMPLES[name]
    folder = tmp_path / example.folder.name
    shutil.copytree(example.folder, folder)
    before, _, _ = read(folder)
    values = shuffled(example.read(), Random(seed))  # noqa: S311 - repeatable, not secret
    workspace.write(folder, {example.filename: written(values, example.filename, seed or None)})
    after, problems, _ = read(folder)
    assert problems.errors == []
    assert before
    assert after
    assert facts_of(before) == facts_of(after)


def generated(folder: Path) -> Mapping[str, bytes]:
    return {file.name: file.data for file in generate(workspace.selection(folder))}


@pytest.mark.parametrize("product", PRODUCTS)
@pytest.mark.parametrize("seed", range(3))
def test_order_of_anything_changes_no_generated_byte(
    tmp_path: Path, product: str, seed: int
) -> None:
    random, folder = Random(seed), tmp_path / product  # noqa: S311 - repeatable, not secret
    shutil.copytree(GOLDEN / product, folder, ignore=shutil.ignore_patterns("generated"))
    for path in sorted(folder.rglob("*")):
        if path.name in {"modules.toml", *NAMES}:
            example = EXAMPLES["flux"]._replace(folder=path.parent, filename=path.name)
            path.write_text(written(shuffled(example.read(), random), path.name))
    assert generated(GOLDEN / product) == generated(folder)
