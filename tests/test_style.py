"""Linters and type checkers as tests, so that one command says whether a change is fit."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import xtask

ROOT = Path(xtask.__file__).parents[1]
SOURCES = [str(path.relative_to(ROOT)) for path in sorted(ROOT.glob("modules/*/src"))]


@pytest.mark.parametrize(
    "words",
    [
        ("ruff", "check", "."),
        ("ruff", "format", "--check", "."),
        ("mypy", "xtask"),
        ("mypy", "--strict", *SOURCES),
        ("mypy", "--strict", "generated"),
    ],
    ids=" ".join,
)
def test_has_nothing_to_say(words: tuple[str, ...]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *words],
        cwd=ROOT,
        env={**os.environ, "MYPYPATH": os.pathsep.join(SOURCES), "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
