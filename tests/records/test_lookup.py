"""The shortcut of a build without changes says what the store says, or nothing."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from xtask.records.lookup import recorded

if TYPE_CHECKING:
    from pathlib import Path

    from tests.records.conftest import Shop


@pytest.fixture
def url(file: Path) -> str:
    """Only embedded databases have a file to look into."""
    return f"sqlite:///{file}"


def test_the_shortcut_equals_the_store(shop: Shop, file: Path) -> None:
    shop.built("a")
    build = shop.built("b")
    assert (
        recorded(file, build.manifest_hash) == build == shop.records.live_build(build.manifest_hash)
    )


def test_it_answers_after_the_writer_has_gone(shop: Shop, file: Path) -> None:
    build = shop.built("a")
    shop.records.close()
    assert sorted(path.name for path in file.parent.iterdir()) == ["records.sqlite3"]
    assert recorded(file, build.manifest_hash) == build


def test_it_reads_what_a_killed_writer_committed_and_leaves_the_file_alone(
    shop: Shop, file: Path
) -> None:
    build = shop.built("a")
    killed = file.parent / "killed"
    killed.mkdir()
    for part in ("records.sqlite3", "records.sqlite3-wal"):
        (killed / part).write_bytes((file.parent / part).read_bytes())
    before = (killed / file.name).read_bytes()
    assert recorded(killed / file.name, build.manifest_hash) == build
    assert (killed / file.name).read_bytes() == before


def test_it_answers_while_a_writer_holds_the_lock(shop: Shop, file: Path) -> None:
    build = shop.built("a")
    with shop.records.writing():
        assert recorded(file, build.manifest_hash) == build


def test_only_a_succeeded_build_counts(shop: Shop, file: Path) -> None:
    running, failed = shop.running("a"), shop.records.fail_build(shop.running("b"), "x")
    assert recorded(file, running.manifest_hash) is None
    assert recorded(file, failed.manifest_hash) is None


def test_no_file_is_no_answer_and_makes_no_file(tmp_path: Path) -> None:
    assert recorded(tmp_path / "records.sqlite3", "sha256:00") is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"not a database" * 100])
def test_a_file_that_is_no_database_is_no_answer(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "records.sqlite3"
    file.write_bytes(content)
    assert recorded(file, "sha256:00") is None


def test_a_newer_schema_is_no_answer(shop: Shop, file: Path) -> None:
    build = shop.built("a")
    shop.records.close()
    connection = sqlite3.connect(file)
    connection.execute("UPDATE alembic_version SET version_num = '0999'")
    connection.commit()
    connection.close()
    assert recorded(file, build.manifest_hash) is None


def test_a_path_with_the_characters_of_a_uri_is_found(shop: Shop, file: Path) -> None:
    build = shop.built("a")
    shop.records.close()
    odd = file.parent / "a?b#c%20d" / "records.sqlite3"
    odd.parent.mkdir()
    file.rename(odd)
    assert recorded(odd, build.manifest_hash) == build


def test_the_shortcut_imports_no_sqlalchemy(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from xtask.records.lookup import recorded;"
        f"recorded(Path({str(tmp_path)!r}) / 'none', 'sha256:00');"
        "print(sorted({'sqlalchemy', 'alembic'} & set(sys.modules)))"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    assert done.stdout.strip() == "[]"
