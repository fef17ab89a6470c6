"""Ready is only said by a process whose database is there and complete."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from server.registry import Migration, Module

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest
    from fastapi.testclient import TestClient

    Serve = Callable[..., TestClient]


def _module_with_migration(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Module:
    package = folder / "packages" / "shelf"
    (package / "migrations").mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "migrations/0001_books.up.sql").write_text("CREATE TABLE books (id INTEGER);")
    monkeypatch.syspath_prepend(package.parent)
    step = Migration("migrations/0001_books.up.sql", "migrations/0001_books.down.sql")
    return Module("shelf", "1.0.0", "shelf", migrations=(step,))


def test_ready_once_every_migration_ran(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = serve(_module_with_migration(tmp_path, monkeypatch))
    assert client.get("/readyz").json() == {"ready": True, "problems": []}
    with closing(sqlite3.connect(tmp_path / "app.sqlite3")) as database:
        database.execute("SELECT id FROM books")
        database.execute("DELETE FROM module_migrations")
        database.commit()
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json()["problems"] == ["migration shelf/0001_books is missing"]


def test_not_ready_when_the_database_is_not_one(serve: Serve, tmp_path: Path) -> None:
    client = serve()
    for file in tmp_path.glob("app.sqlite3*"):
        file.unlink()
    (tmp_path / "app.sqlite3").write_bytes(b"not a database" * 100)
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json()["problems"][0].startswith("database: ")
    assert client.get("/healthz").status_code == 200
