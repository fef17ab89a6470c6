"""The word `migrate`: one JSON line, all or nothing, and undoing only what nothing stands on."""

from __future__ import annotations

import json
import sqlite3
import sys
from contextlib import closing
from types import ModuleType
from typing import TYPE_CHECKING, NamedTuple

import pytest
from server.migrations import MigrationError
from server.migrator import Done, Wish, copy_database, main, migrate
from server.registry import Hook, Migration, Module, Registry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from fastapi.testclient import TestClient

SQL = {
    "0001_shops.up.sql": "CREATE TABLE shops (id INTEGER PRIMARY KEY);"
    "CREATE TABLE owners (shop INTEGER REFERENCES shops (id));"
    "INSERT INTO shops VALUES (1); INSERT INTO owners VALUES (1);",
    "0001_shops.down.sql": "DROP TABLE shops; DROP TABLE owners;",  # parents first
    "0002_note.up.sql": "ALTER TABLE shops ADD COLUMN note TEXT;",
    "0002_note.down.sql": "ALTER TABLE shops DROP COLUMN note;",
    "0001_carts.up.sql": "CREATE TABLE carts (shop REFERENCES shops (id) ON DELETE CASCADE);"
    "INSERT INTO carts VALUES (1);",
    "0001_carts.down.sql": "DROP TABLE carts;",
    "0003_broken.up.sql": "CREATE TABLE more (id INTEGER); NONSENSE;",
    "0003_broken.down.sql": "",
}


class Store(NamedTuple):
    """A product of modules whose database is in a folder of the test's."""

    folder: Path

    @property
    def database(self) -> Path:
        return self.folder / "data" / "app.sqlite3"

    @property
    def environ(self) -> dict[str, str]:
        return {"DATA_DIR": str(self.folder / "data"), "XTASK_RELEASE_ID": "rel_1"}

    def migrated(self, *modules: Module, **wish: object) -> Done:
        return migrate(Registry("test-shop", modules), self.environ, Wish(**wish))  # type: ignore[arg-type]

    def tables(self, name: str = "app.sqlite3") -> set[str]:
        with closing(sqlite3.connect(self.database.with_name(name))) as database:
            rows = database.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
            return {row[0] for row in rows} & {"shops", "owners", "carts", "more"}


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    package = tmp_path / "site" / "migrated"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    for name, sql in SQL.items():
        (package / name).write_text(sql)
    monkeypatch.syspath_prepend(tmp_path / "site")
    yield Store(tmp_path)
    sys.modules.pop("migrated", None)


def _module(name: str, *stems: str, requires: tuple[str, ...] = ()) -> Module:
    steps = tuple(Migration(f"{stem}.up.sql", f"{stem}.down.sql") for stem in stems)
    return Module(name, "1.0.0", "migrated", requires=requires, migrations=steps)


SHOPS = _module("shops", "0001_shops", "0002_note")
CARTS = _module("carts", "0001_carts", requires=("shops",))
ALL = ("shops/0001_shops", "shops/0002_note", "carts/0001_carts")


def test_a_dry_run_says_what_is_pending_and_makes_nothing(store: Store) -> None:
    assert store.migrated(SHOPS, CARTS, dry_run=True) == Done("pending", ALL)
    assert not store.database.parent.exists()
    store.migrated(SHOPS)
    assert store.migrated(SHOPS, CARTS, dry_run=True) == Done("pending", ALL[2:])


def test_what_is_missing_is_applied_once_in_dependency_order(store: Store) -> None:
    assert store.migrated(SHOPS, CARTS) == Done("applied", ALL)
    assert store.migrated(SHOPS, CARTS) == Done("applied", ())


def test_one_that_fails_is_said_and_leaves_nothing_of_any(store: Store) -> None:
    done = store.migrated(SHOPS, _module("more", "0003_broken"))
    assert (done.status, done.migrations) == ("failed", ())
    assert "more/0003_broken: " in str(done.error)
    assert store.tables() == set()


def test_a_backup_is_of_before_and_the_first_one_stays(store: Store) -> None:
    assert store.migrated(SHOPS, backup=True).backup is None  # nothing was there
    copy = "app.before-rel_1.sqlite3"
    assert store.migrated(SHOPS, CARTS, backup=True).backup == copy
    assert store.tables(copy) == {"shops", "owners"}
    assert store.migrated(SHOPS, CARTS, backup=True).backup == copy
    assert store.tables(copy) == {"shops", "owners"}
    names = {path.name for path in store.database.parent.iterdir()}
    assert {name for name in names if not name.startswith("app.sqlite3")} == {copy}


def test_a_backup_has_no_name_that_leads_elsewhere(store: Store) -> None:
    with pytest.raises(MigrationError, match="no name of a release"):
        copy_database(store.database, "../x")


def test_undoing_goes_backwards_whatever_the_order_of_its_words(store: Store) -> None:
    store.migrated(SHOPS, CARTS)
    wanted = (ALL[0], ALL[2], ALL[1])
    expected = tuple(reversed(ALL))
    assert store.migrated(SHOPS, CARTS, down=wanted, dry_run=True).migrations == expected
    assert store.migrated(SHOPS, CARTS, down=wanted) == Done("undone", expected)
    assert store.tables() == set()
    assert store.migrated(SHOPS, CARTS, dry_run=True).migrations == ALL


@pytest.mark.parametrize(
    ("down", "why"),
    [
        (ALL[0], "before carts/0001_carts, which comes after it"),
        ("shops/0009", "is no migration of this product"),
        ("more/0003_broken", "is not applied"),
    ],
)
def test_undoing_is_refused_where_others_come_after(store: Store, down: str, why: str) -> None:
    store.migrated(SHOPS, CARTS)
    broken = _module("more", "0003_broken")
    done = store.migrated(SHOPS, CARTS, broken, down=(down, ALL[1]))
    assert why in str(done.error)
    assert store.tables() == {"shops", "owners", "carts"}


def test_a_migration_of_a_newer_release_comes_after(store: Store) -> None:
    store.migrated(SHOPS)
    done = store.migrated(_module("shops", "0001_shops"), down=ALL[:1])
    assert "before shops/0002_note" in str(done.error)


def test_no_table_goes_that_one_of_somebody_else_refers_to(store: Store) -> None:
    unaware = _module("carts", "0001_carts")  # does not say that it needs shops
    store.migrated(SHOPS, unaware)
    done = store.migrated(SHOPS, unaware, down=ALL[:2])
    assert done == Done("failed", error="table carts refers to shops, which would be gone")
    with closing(sqlite3.connect(store.database)) as database:
        assert database.execute("SELECT count(*) FROM carts").fetchone() == (1,)


def test_one_migrator_works_at_a_time(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.migrator._PATIENCE_SECONDS", 0)
    store.migrated()
    with closing(sqlite3.connect(store.database)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert store.migrated(SHOPS) == Done("failed", error="database is locked")


def test_steps_of_a_modules_life_run_with_its_migrations_and_loading_at_the_start(
    store: Store, serve: Callable[..., TestClient]
) -> None:
    calls: list[str] = []
    events = ("post_init", "post_load")
    hooks = tuple(
        Hook(event, 1, lambda event=event: lambda: calls.append(event)) for event in events
    )
    module = Module("crm", "1.0.0", "server", dialect="fastvue", hooks=hooks)
    store.migrated(module)
    assert calls == ["post_init"]
    serve(module, **store.environ)
    assert calls == ["post_init", "post_load"]


def test_a_start_that_was_told_of_migrations_applies_none(
    store: Store, serve: Callable[..., TestClient]
) -> None:
    told = store.environ | {"XTASK_MIGRATIONS": "applied"}
    with pytest.raises(MigrationError, match="it lacks shops/0001_shops, shops/0002_note"):
        serve(SHOPS, **told)
    store.migrated(SHOPS)
    assert serve(SHOPS, **told).get("/readyz").status_code == 200


def test_the_answer_is_one_line_and_the_exit_code(
    store: Store, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    registry = ModuleType("generated.registry")
    monkeypatch.setitem(sys.modules, "generated.registry", registry)
    registry.APP, registry.MODULES = "x", (SHOPS,)  # type: ignore[attr-defined]
    monkeypatch.setenv("DATA_DIR", store.environ["DATA_DIR"])
    assert main([]) == 0
    said = {"status": "applied", "migrations": [*ALL[:2]], "backup": None, "error": None}
    assert json.loads(capsys.readouterr().out) == said
    assert main(["--down", "shops/0001_shops"]) == 1
    assert json.loads(capsys.readouterr().out)["status"] == "failed"
    with pytest.raises(SystemExit) as caught:
        main(["--up"])
    assert caught.value.code == 2
