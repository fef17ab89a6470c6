"""What the environment says about a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from xtask.errors import UsageError
from xtask.settings import read_settings

if TYPE_CHECKING:
    from pathlib import Path


def is_embedded(root: Path, url: str) -> bool:
    return read_settings(root, {"XTASK_DATABASE_URL": url}).is_embedded


@pytest.mark.parametrize(
    "url",
    [
        "",
        "sqlite:///releases/records.sqlite3",
        "sqlite:///./releases/../releases/records.sqlite3",
        "sqlite+pysqlite:///releases/records.sqlite3",
        "sqlite:///releases/records.sqlite3?timeout=5",
        "sqlite:///{root}/releases/records.sqlite3",
        "sqlite:///linked/releases/records.sqlite3",
    ],
)
def test_records_of_the_workspace_are_embedded_however_they_are_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "linked").symlink_to(tmp_path)
    assert is_embedded(tmp_path, url.format(root=tmp_path))


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:///records.sqlite3",
        "sqlite:///{root}/other/releases/records.sqlite3",
        "sqlite://",
        "postgresql+psycopg:///releases/records.sqlite3",
        "nonsense",
    ],
)
def test_records_elsewhere_are_not_embedded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert not is_embedded(tmp_path, url.format(root=tmp_path))


def test_what_is_no_folder_is_no_folder_of_keys(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    for name in ("file", "dangling"):
        with pytest.raises(UsageError, match="is not a folder") as said:
            read_settings(tmp_path, {"XTASK_KEYS": str(tmp_path / name)})
        assert "XTASK_KEYS" in str(said.value.help)
    new = tmp_path / "new"
    assert read_settings(tmp_path, {"XTASK_KEYS": str(new)}).keys == new


@pytest.mark.parametrize("seconds", ["0", "3601", "10000", "1.5", "-1", "a minute", "\u0661"])
def test_refuses_a_lease_that_is_no_time_to_wait_for(tmp_path: Path, seconds: str) -> None:
    with pytest.raises(UsageError, match="XTASK_LEASE_SECONDS is "):
        read_settings(tmp_path, {"XTASK_LEASE_SECONDS": seconds})


def test_a_lease_lasts_a_minute_unless_somebody_says_otherwise(tmp_path: Path) -> None:
    assert read_settings(tmp_path, {}).lease_seconds == 60
    assert read_settings(tmp_path, {"XTASK_LEASE_SECONDS": "1"}).lease_seconds == 1
