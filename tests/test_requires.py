"""The mark `requires`: absent parts are seen, promised parts are needed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = Path(__file__).with_name("conftest.py")


def outcome(folder: Path, part: str, **environ: str) -> str:
    (folder / "conftest.py").write_bytes(CONFTEST.read_bytes())
    (folder / "pytest.ini").write_text("[pytest]\nmarkers = requires(part): needs it\n")
    test = f"import pytest\n@pytest.mark.requires({part!r})\ndef test_it() -> None: pass\n"
    (folder / "test_it.py").write_text(test)
    clean = {key: value for key, value in os.environ.items() if not key.startswith("XTASK_")}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-ra", "-p", "no:cacheprovider"],
        cwd=folder, env={**clean, "DOCKER_HOST": "", **environ},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.stdout


@pytest.mark.parametrize("part", ["docker", "postgresql"])
def test_absent_part_skips_and_says_why(tmp_path: Path, part: str) -> None:
    said = outcome(tmp_path, part)
    assert "1 skipped" in said
    assert f"requires {part}: " in said


def test_promised_part_that_is_absent_fails(tmp_path: Path) -> None:
    assert "1 error" in outcome(tmp_path, "docker", XTASK_REQUIRE="skopeo, docker")


def test_present_part_runs(tmp_path: Path) -> None:
    said = outcome(tmp_path, "postgresql", XTASK_TEST_POSTGRESQL="postgresql://")
    assert "1 passed" in said


def test_misspelt_part_fails_instead_of_skipping_for_ever(tmp_path: Path) -> None:
    assert "1 error" in outcome(tmp_path, "dokcer")
