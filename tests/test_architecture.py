"""What a review would otherwise have to say again and again."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import xtask
from xtask.cli.verbs import VERBS, load
from xtask.image import assemble
from xtask.manifest import configuration
from xtask.release import target

ROOT = Path(xtask.__file__).parents[1]
SOURCES = sorted((ROOT / "xtask").rglob("*.py"))
PURE = [
    *sorted((ROOT / "xtask" / "resolve").glob("*.py")),
    *sorted((ROOT / "xtask" / "generate").glob("*.py")),
    ROOT / "xtask" / "records" / "rules.py",
    ROOT / "xtask" / "pipeline" / "releasing" / "gates.py",
]
IMPURE_MODULES = {"os", "subprocess", "socket", "random", "secrets", "uuid", "time", "tempfile"}
IMPURE_CALLS = {"open", "now", "utcnow", "today", "read_text", "read_bytes", "write_text", "run"}
MAX_FILE, MAX_FUNCTION = 400, 60


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    first = function.body[0]
    has_docstring = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    start = function.body[1] if has_docstring and len(function.body) > 1 else first
    return (function.end_lineno or 0) - start.lineno + 1


def test_imports_go_down_the_list_of_rooms_only() -> None:
    lint = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as m; m()"]
    done = subprocess.run(lint, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("path", PURE, ids=named)
def test_a_pure_room_touches_nothing_outside_it(path: Path) -> None:
    tree = ast.parse(path.read_text())
    imported = {
        name.split(".")[0]
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    called = {
        node.func.id if isinstance(node.func, ast.Name) else node.func.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute)
    }
    assert imported & IMPURE_MODULES == set()
    assert called & IMPURE_CALLS == set()


@pytest.mark.parametrize("path", SOURCES, ids=named)
def test_a_file_fits_in_the_head(path: Path) -> None:
    text = path.read_text()
    functions = [
        node
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    assert len(text.splitlines()) <= MAX_FILE
    assert [node.name for node in functions if body_lines(node) > MAX_FUNCTION] == []


def test_no_child_process_is_started_through_a_shell() -> None:
    starters = ("shell=True", "os.system(", "os.popen(")
    assert [named(path) for path in SOURCES if any(s in path.read_text() for s in starters)] == []


def test_every_verb_and_option_is_documented() -> None:
    page = (ROOT / "docs" / "commands.md").read_text()
    missing = []
    for verb in VERBS:
        heading = next((line for line in page.splitlines() if line.startswith(f"### `{verb}")), "")
        missing += [verb] if not heading else []
        missing += [
            f"{verb} {option.names[-1]}"
            for option in load(verb).options
            if (option.how.get("metavar") or option.names[-1]) not in heading
            and option.names[-1] not in heading
        ]
    assert missing == []


def test_every_documented_verb_exists() -> None:
    page = (ROOT / "docs" / "commands.md").read_text()
    assert set(re.findall(r"^### `([a-z-]+)", page, re.MULTILINE)) == set(VERBS)


def test_every_environment_variable_is_documented() -> None:
    page = (ROOT / "docs" / "commands.md").read_text()
    read = set(re.findall(r"\"(XTASK_[A-Z_]+)\"", (ROOT / "xtask/settings.py").read_text()))
    assert read
    assert {name for name in read if f"`{name}`" not in page} == set()


def test_the_top_level_holds_what_the_decision_lists() -> None:
    listing = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    top = {line.split("/")[0] for line in listing.stdout.splitlines()}
    allowed = {".ci", ".gitignore", "CHANGELOG.md", "LICENSE", "README.md", "docs", "generated"}
    allowed |= {"modules", "modules.lock", "modules.toml", "pyproject.toml", "requirements.lock"}
    assert top - allowed - {"tests", "xtask"} == set()


def test_no_package_index_address_is_committed() -> None:
    for name in ("requirements.lock", "modules.lock"):
        text = (ROOT / name).read_text()
        assert re.findall(r"https?://\S+", text) == []


def test_a_target_of_an_environment_is_a_target_that_runs() -> None:
    able = {name: found.capabilities for name, found in target.TARGETS.items()}
    assert able == configuration.TARGETS


def test_what_an_image_sets_is_nothing_that_an_environment_may() -> None:
    assert configuration.RESERVED == assemble.ENVIRONMENT
