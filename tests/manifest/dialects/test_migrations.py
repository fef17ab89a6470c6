"""Numbered migrations: a sequence of pairs, and the tables that they create."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from tests.support import workspace
from xtask.diagnostics import Problems
from xtask.manifest.dialects.migrations import migration_tables, numbered_migrations
from xtask.manifest.folder import Folder

if TYPE_CHECKING:
    from pathlib import Path


def pairs(*stems: str) -> dict[str, str]:
    return {f"migrations/{stem}{end}": "" for stem in stems for end in (".sql", ".down.sql")}


def read(root: Path, files: dict[str, str]) -> tuple[list[str], list[tuple[str, str]]]:
    """Return the stems of the migrations and what is wrong, with its file."""
    problems = Problems()
    folder = Folder(workspace.write(root, files), "shop")
    found = numbered_migrations(folder, problems)
    assert [item.down for item in found] == [item.up[:-4] + ".down.sql" for item in found]
    noted = [(item.place.source.path, f"{item.code} {item.severity}") for item in problems.found]
    return [item.up.removeprefix("migrations/")[:-4] for item in found], noted


def test_they_are_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    files = {**pairs("10_c", "9_b", "008_a"), "migrations/README.md": ""}
    assert read(tmp_path, files) == (["008_a", "9_b", "10_c"], [])


def test_no_folder_means_no_migrations(tmp_path: Path) -> None:
    assert read(tmp_path, {"routes.py": ""}) == ([], [])


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"migrations/002_b.sql": ""}, ("002_b.sql", "XT0211 error")),
        ({"migrations/002_b.down.sql": ""}, ("002_b.down.sql", "XT0211 error")),
        (pairs("001_b"), ("001_b.sql", "XT0221 error")),
        (pairs("1_b"), ("1_b.sql", "XT0221 error")),
        (pairs("initial"), ("initial.sql", "XT0221 error")),
        (pairs("002"), ("002.sql", "XT0221 error")),
        (pairs("002_a b"), ("002_a b.sql", "XT0221 error")),
        (pairs("002_b", "004_d"), ("004_d.sql", "XT0221 warning")),
    ],
)
def test_refuses_what_is_no_sequence(
    tmp_path: Path, files: dict[str, str], expected: tuple[str, str]
) -> None:
    _, found = read(tmp_path, {**pairs("001_a"), **files})
    assert found == [(f"shop/migrations/{expected[0]}", expected[1])]


@pytest.mark.parametrize("name", ["002_X.SQL", "2-x.sql.bak", "002_b.py", "002_b", "002_b.down"])
def test_warns_of_a_file_that_would_never_run(tmp_path: Path, name: str) -> None:
    beside = ("README", "readme.txt", "__init__.py", ".gitkeep", "old/002_b.py")
    files = dict.fromkeys((f"migrations/{path}" for path in (name, *beside)), "")
    assert read(tmp_path, {**pairs("001_a"), **files}) == (
        ["001_a"],
        [(f"shop/migrations/{name}", "XT0221 warning")],
    )


def test_many_files_that_would_never_run_are_one_warning(tmp_path: Path) -> None:
    problems = Problems()
    workspace.write(tmp_path, {f"migrations/00{number}.js": "" for number in range(8)})
    numbered_migrations(Folder(tmp_path, "shop"), problems)
    (problem,) = problems.found
    assert problem.message == "`migrations/000.js` is not a migration, so it will never run"
    (note,) = problem.notes
    assert note.startswith("neither will `migrations/001.js`, ")
    assert note.endswith(" and 2 more")


def test_a_number_that_two_have_shows_both(tmp_path: Path) -> None:
    problems = Problems()
    workspace.write(tmp_path, pairs("002_backups", "002_rename"))
    numbered_migrations(Folder(tmp_path, "shop"), problems)
    (problem,) = problems.found
    assert problem.message == "two migrations have the number 2"
    assert problem.place.source.path == "shop/migrations/002_rename.sql"
    assert [place.source.path for place, _ in problem.others] == ["shop/migrations/002_backups.sql"]


SQL = """\
-- CREATE TABLE not_this (id);
/* é */ CREATE TABLE IF NOT EXISTS shop_orders (id INTEGER); create table
  "620600_shop" (x TEXT DEFAULT 'CREATE TABLE nor_this');
CREATE TABLE main.[shop_items](id); CREATE INDEX i ON shop_orders (id);
ALTER TABLE shop_orders RENAME TO shop_sales;
"""


def tables(root: Path, text: str) -> list[tuple[str, tuple[int, int, int]]]:
    problems = Problems()
    folder = Folder(workspace.write(root, {**pairs("001_a"), "migrations/001_a.sql": text}), "shop")
    found = migration_tables(folder, numbered_migrations(folder, problems), problems)
    workspace.no_problems(problems)
    return [(item.name, item.place.span()) for item in found]


def test_tables_are_found_where_they_are_created(tmp_path: Path) -> None:
    assert tables(tmp_path, SQL) == [
        ("620600_shop", (3, 4, 11)),
        ("shop_items", (4, 20, 10)),
        ("shop_orders", (2, 36, 11)),
    ]


def test_a_table_that_two_migrations_create_is_one(tmp_path: Path) -> None:
    files = {**pairs("001_a", "002_b"), "migrations/001_a.sql": "CREATE TABLE a(id);"}
    folder = Folder(
        workspace.write(tmp_path, {**files, "migrations/002_b.sql": "CREATE TABLE a(id);"}), "shop"
    )
    found = migration_tables(folder, numbered_migrations(folder, Problems()), Problems())
    assert [(item.name, item.place.source.path) for item in found] == [
        ("a", "shop/migrations/001_a.sql")
    ]


def test_a_migration_that_is_no_text_is_reported(tmp_path: Path) -> None:
    problems = Problems()
    workspace.write(tmp_path, {**pairs("001_a"), "migrations/001_a.sql": b"CREATE TABLE \xff"})
    folder = Folder(tmp_path, "shop")
    assert migration_tables(folder, numbered_migrations(folder, problems), problems) == ()
    assert [item.code for item in problems.found] == ["XT0103"]


@pytest.mark.parametrize(
    "piece", ["CREATE TABLE a{}\n", "CREATE TABLE ", "TABLE\n", '"', "CREATE TABLE a.", "/*", "'"]
)
def test_no_text_takes_long(tmp_path: Path, piece: str) -> None:
    text = "".join(piece.format(number) for number in range(1_000_000 // (len(piece) + 5)))
    began = time.process_time()
    tables(tmp_path, text)
    assert time.process_time() - began < 2
