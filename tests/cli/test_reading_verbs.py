"""Verbs that only look leave the workspace as it was, and need no right to write there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.acceptance.shop import Workspace
from xtask.records import SCHEMA

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("verb", ["builds", "releases", "status"])
def test_a_folder_without_records_has_no_rows_and_gets_no_file(tmp_path: Path, verb: str) -> None:
    said = Workspace(tmp_path).xtask(verb, "--json")
    assert (said.code, said.err) == (0, "")
    assert said.document == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("verb", ["builds", "releases", "status"])
def test_looking_at_records_without_rows_leaves_every_byte_alone(tmp_path: Path, verb: str) -> None:
    workspace = Workspace(tmp_path)
    assert workspace.xtask("migrate", "--json").document == {"schema": SCHEMA}
    file = tmp_path / "releases" / "records.sqlite3"
    before = file.read_bytes()
    assert workspace.xtask(verb, "--json").document == []
    assert file.read_bytes() == before
    assert list(file.parent.iterdir()) == [file]


def test_doctor_makes_no_records(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/elsewhere/records.sqlite3"
    said = Workspace(tmp_path).xtask("doctor", "--json", XTASK_DATABASE_URL=url)
    checks = {check["check"]: check["says"] for check in said.document}
    assert checks["records"] == "sqlite, 0 builds"
    assert list(tmp_path.iterdir()) == []
