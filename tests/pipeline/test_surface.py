"""What a build keeps of the code of its modules: enough to see later what was promised."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support import flux, workspace
from xtask.digest import sha256
from xtask.pipeline.surface import surfaces

if TYPE_CHECKING:
    from pathlib import Path


def test_code_and_files_of_a_module_are_described(tmp_path: Path) -> None:
    module, _ = flux.read(tmp_path, flux.FILES)
    up, down = "migrations/001_initial.sql", "migrations/001_initial.down.sql"
    assert surfaces([module]) == {
        "databases": {
            "operations": [
                {"method": "POST", "path": "/api/modules/databases/"},
                {"method": "GET", "path": "/api/modules/databases/{database_id}"},
            ],
            "tables": ["620600_databases_hosts"],
            "requires": ["backups", "networks"],
            "app_range": ">=1.2.0",
            "migrations": [
                {
                    "up": up,
                    "removes": False,
                    "content": [sha256(flux.FILES[path].encode()) for path in (up, down)],
                }
            ],
            "hooks": [
                {
                    "event": "after_module_enable",
                    "target": "modules.databases.hooks:on_enable",
                    "signature": "async (data, context)",
                },
                {
                    "event": "on_user_removed",
                    "target": "modules.databases.services.users:forget",
                    "signature": "async (data, context)",
                },
            ],
        }
    }


def test_migrations_of_a_project_are_in_its_package(tmp_path: Path) -> None:
    files = workspace.module("cart", '[migrations]\ndirectory = "steps"\n')
    steps = {f"cart/src/cart/steps/1.{half}.sql": f"-- {half}\n" for half in ("up", "down")}
    workspace.write(tmp_path, workspace.composition("cart") | files | steps)
    (module,) = workspace.selection(tmp_path).modules
    assert surfaces([module])["cart"]["migrations"] == [
        {
            "up": "steps/1.up.sql",
            "removes": False,
            "content": [sha256(b"-- up\n"), sha256(b"-- down\n")],
        }
    ]


def test_a_module_without_a_folder_has_nothing_to_describe(tmp_path: Path) -> None:
    workspace.write(tmp_path, workspace.composition("cart") | workspace.module("cart"))
    (module,) = workspace.selection(tmp_path).modules
    from dataclasses import replace

    assert surfaces([replace(module, root=None)]) == {}


@pytest.mark.parametrize(
    ("statement", "removes"),
    [
        ("ALTER TABLE a ADD COLUMN b INTEGER;", False),
        ("alter table a drop  column b;", True),
        ("DROP TABLE a;", True),
        ("ALTER TABLE a RENAME TO b;", True),
        ("CREATE TABLE dropped_columns (a INTEGER);", False),
    ],
)
def test_a_migration_that_takes_something_away_says_so(
    tmp_path: Path, statement: str, *, removes: bool
) -> None:
    steps = {f"cart/src/cart/steps/1.{half}.sql": statement for half in ("up", "down")}
    files = workspace.module("cart", '[migrations]\ndirectory = "steps"\n')
    workspace.write(tmp_path, workspace.composition("cart") | files | steps)
    (module,) = workspace.selection(tmp_path).modules
    assert surfaces([module])["cart"]["migrations"][0]["removes"] is removes
