"""Reading an embedded database leaves its folder as it was, and never invents an answer."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from xtask.errors import RefusedError, UsageError, XtaskError
from xtask.records.store import migrate_records, open_records

if TYPE_CHECKING:
    from pathlib import Path

    from tests.records.conftest import Shop

READ = """\
import sys
from xtask.records.store import open_records
with open_records(sys.argv[1], create=False) as records:
    print([build.id for build in records.builds()])
"""


@pytest.fixture
def url(file: Path) -> str:
    """Only embedded databases have a folder."""
    return f"sqlite:///{file}"


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def read_without_privilege(url: str) -> str:
    """Read in a process to which modes of files apply, even when root runs it."""
    command = [sys.executable, "-c", READ, url]
    if os.geteuid() == 0:
        if not shutil.which("setpriv"):
            pytest.skip("modes do not apply to root, and setpriv is not installed")
        command = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", *command]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    return done.stdout.strip() + done.stderr.strip().rpartition("\n")[2]


def test_no_file_is_no_rows_and_makes_none(tmp_path: Path) -> None:
    with open_records(f"sqlite:///{tmp_path}/releases/records.sqlite3", create=False) as reader:
        assert reader.builds() == ()
        assert reader.releases() == ()
        assert reader.environment_names() == ()
        assert reader.count_builds() == 0
        with pytest.raises(RefusedError, match="no build 'a' is recorded"):
            reader.find_build("a")
        with pytest.raises(XtaskError, match="readonly"):
            reader.ensure_environment("mars", 3)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_being_created_is_no_rows(tmp_path: Path) -> None:
    file = tmp_path / "records.sqlite3"
    file.touch()
    with open_records(f"sqlite:///{file}", create=False) as reader:
        assert reader.builds() == ()
    assert contents(tmp_path) == {"records.sqlite3": b""}


def test_reading_leaves_every_byte_alone(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/records.sqlite3"
    migrate_records(url)
    before = contents(tmp_path)
    with open_records(url, create=False) as reader:
        assert reader.builds() == ()
    assert contents(tmp_path) == before
    assert list(before) == ["records.sqlite3"]


@pytest.mark.parametrize("name", ["records.sqlite3", "a #1.sqlite3"])
def test_a_folder_that_nobody_may_write_is_read(shop: Shop, tmp_path: Path, name: str) -> None:
    build = shop.built("a")
    shop.records.close()
    folder = tmp_path / "frozen"
    folder.mkdir()
    (tmp_path / "records.sqlite3").rename(folder / name)
    before = contents(folder)
    (folder / name).chmod(0o444)
    folder.chmod(0o555)
    try:
        said = read_without_privilege(f"sqlite:///{folder}/{name}")
    finally:
        folder.chmod(0o755)
    assert said == f"['{build.id}']"
    assert contents(folder) == before


def test_a_log_that_cannot_be_read_is_not_passed_over(shop: Shop, tmp_path: Path) -> None:
    shop.built("a")
    folder = tmp_path / "killed"
    folder.mkdir()
    for part in ("records.sqlite3", "records.sqlite3-wal"):
        shutil.copy(tmp_path / part, folder / part)
    assert (folder / "records.sqlite3-wal").stat().st_size > 0
    folder.chmod(0o555)
    try:
        said = read_without_privilege(f"sqlite:///{folder}/records.sqlite3")
    finally:
        folder.chmod(0o755)
    assert "the records do not answer" in said


def test_a_folder_that_cannot_be_entered_is_an_error_and_not_no_rows(tmp_path: Path) -> None:
    folder = tmp_path / "closed"
    folder.mkdir()
    migrate_records(f"sqlite:///{folder}/records.sqlite3")
    folder.chmod(0)
    try:
        said = read_without_privilege(f"sqlite:///{folder}/records.sqlite3")
    finally:
        folder.chmod(0o755)
    assert said.startswith(f"xtask.errors.UsageError: cannot read {folder}/records.sqlite3")


def test_a_file_that_is_no_database_is_an_error_and_not_no_rows(tmp_path: Path) -> None:
    file = tmp_path / "records.sqlite3"
    file.write_bytes(b"not a database at all" * 100)
    with pytest.raises(XtaskError, match="file is not a database"):
        open_records(f"sqlite:///{file}", create=False)


def test_a_reader_leaves_the_log_of_a_killed_writer_readable(shop: Shop, tmp_path: Path) -> None:
    build = shop.built("a")
    folder = tmp_path / "killed"
    folder.mkdir()
    for part in ("records.sqlite3", "records.sqlite3-wal"):
        shutil.copy(tmp_path / part, folder / part)
    for _ in range(2):
        with open_records(f"sqlite:///{folder}/records.sqlite3", create=False) as reader:
            assert reader.builds() == (build,)
    connection = sqlite3.connect(folder / "records.sqlite3")
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()


def test_a_python_with_an_old_sqlite_is_refused(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 34, 1))
    with pytest.raises(UsageError, match="cannot return what it changed"):
        migrate_records(url)
