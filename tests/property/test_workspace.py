"""Whatever a workspace holds, validating it ends with 0 or 3, and 0 means that it generates."""

from __future__ import annotations

import ast
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import workspace
from tests.support.budgets import budget
from xtask.cli import main
from xtask.generate.tree import generate

if TYPE_CHECKING:
    from collections.abc import Iterator

GOLDEN = Path(__file__).parents[1] / "golden"
CASES = (
    "one_module_of_each_kind",
    "text_that_attacks",
    "chain_in_dependency_order",
    "modules_of_five_systems",
)
MANIFESTS = {"module.json", "manifest.json", "__manifest__.py"}
FILES = sorted(
    path.relative_to(GOLDEN)
    for case in CASES
    for path in (GOLDEN / case).rglob("*")
    if path.suffix == ".toml" or path.name in MANIFESTS
)
TOKENS = [
    '"', "'", "[", "]", "{", "}", "=", "\n", ",", "[[", "]]", ".", "#", "\\u0000", "..", "../", "/",
    ":", "true", "1", "-1", "1e999", "nan", "1979-05-27", '""', "content", "host", "é", "\u202e",
    "[module]\n", "schema = 1\n", "x = []\n", "*", "^1", "||", "class", "constructor",
]  # fmt: skip


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    copy = tmp_path_factory.mktemp("property") / "golden"
    shutil.copytree(GOLDEN, copy)
    yield copy
    shutil.rmtree(copy)


@budget(250)
@given(st.sampled_from(FILES), st.data())
def test_any_edit_of_any_manifest_is_answered(root: Path, file: Path, data: st.DataObject) -> None:
    before = (GOLDEN / file).read_text()
    tokens = data.draw(st.lists(st.sampled_from(TOKENS), max_size=3))
    start = data.draw(st.integers(0, len(before)))
    end = data.draw(st.integers(start, min(len(before), start + 25)))
    folder = root / file.parts[0]
    (root / file).write_text(before[:start] + "".join(tokens) + before[end:])
    try:
        code = main(["validate-manifest", "--workspace", str(folder)])
        assert code in {0, 3}
        if code == 0:
            for made in generate(workspace.selection(folder), causes=True):
                if made.name.endswith(".py"):
                    ast.parse(made.data)
    finally:
        (root / file).write_text(before)
