"""What a build keeps of the code of its modules: enough to see later what was promised."""

from __future__ import annotations

import shutil
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.support import flux, workspace
from xtask.digest import sha256
from xtask.pipeline.composing.surface import kept_surfaces, surfaces

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
            "answers": [],
            "tables": ["620600_databases_hosts"],
            "columns": {},
            "requires": ["backups", "networks"],
            "app_range": ">=1.2.0",
            "migrations": [
                {
                    "up": up,
                    "removes": False,
                    "additive": True,
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
            "additive": True,
            "content": [sha256(b"-- up\n"), sha256(b"-- down\n")],
        }
    ]


def test_a_declared_class_wins_over_what_the_sql_says(tmp_path: Path) -> None:
    declared = '"1" = "additive"\n"2" = "maintenance"\n'
    text = f'[migrations]\ndirectory = "steps"\n[migrations.classes]\n{declared}'
    sql = {"1": "INSERT INTO carts VALUES (1)", "2": "CREATE TABLE a (b INT)", "3": "DROP TABLE a"}
    steps = {
        f"cart/src/cart/steps/{name}.{half}.sql": sql[name]
        for name in sql
        for half in ("up", "down")
    }
    files = workspace.composition("cart") | workspace.module("cart", text) | steps
    workspace.write(tmp_path, files)
    (module,) = workspace.selection(tmp_path).modules
    found = surfaces([module])["cart"]["migrations"]
    assert [step["additive"] for step in found] == [True, False, False]


def test_the_parser_of_sql_is_not_there_for_files_that_are_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module, _ = flux.read(tmp_path / "module", flux.FILES)
    digests, cache = {module.name: "sha256:1"}, tmp_path / "cache"
    first = kept_surfaces([module], digests, cache)
    monkeypatch.setitem(sys.modules, "sqlglot", None)  # importing it is an error now
    assert first == kept_surfaces([module], digests, cache)
    with pytest.raises(ImportError):
        kept_surfaces([module], {module.name: "sha256:2"}, cache)


def test_routers_of_a_native_module_are_looked_at_too(tmp_path: Path) -> None:
    text = '[[api.routers]]\nprefix = "/api/cart"\nrouter = "cart.api:router"\n'
    code = (
        "router = APIRouter()\nother = APIRouter()\n"
        "@router.get('/{item:int}')\ndef one(item): ...\n"
        "@router.post('')\ndef two(): ...\n"
        "@other.get('/x')\ndef three(): ...\n"
    )
    files = workspace.module("cart", text) | {"cart/src/cart/api.py": code}
    workspace.write(tmp_path, workspace.composition("cart") | files)
    (module,) = workspace.selection(tmp_path).modules
    assert surfaces([module])["cart"]["answers"] == [
        {"method": "POST", "path": "/api/cart"},
        {"method": "GET", "path": "/api/cart/{item}"},
    ]


@pytest.mark.parametrize("home", [".x", "cart.x"])
def test_what_a_router_of_a_native_module_includes_is_looked_at_too(
    tmp_path: Path, home: str
) -> None:
    text = '[[api.routers]]\nprefix = "/api/cart"\nrouter = "cart.api:router"\n'
    code = f"from {home} import router as x\nrouter = APIRouter()\nrouter.include_router(x)\n"
    files = workspace.module("cart", text) | {
        "cart/src/cart/api.py": code,
        "cart/src/cart/x.py": 'router = APIRouter(prefix="/x")\nrouter.get("/y")(print)\n',
    }
    workspace.write(tmp_path, workspace.composition("cart") | files)
    (module,) = workspace.selection(tmp_path).modules
    assert surfaces([module])["cart"]["answers"] == [{"method": "GET", "path": "/api/cart/x/y"}]


MODELS = {
    "base.py": "class Stamped:\n  created = Column(DateTime)\n"
    "class Base(Stamped, DeclarativeBase):\n  pass\n",
    "orders.py": "class Order(Base):\n  __tablename__ = 'orders'\n  id: Mapped[int]\n"
    "class Gift(Order):\n  __tablename__ = 'gifts'\n  ribbon = Column(String)\n",
    "more.py": "class Order(Two):\n  __tablename__ = 'orders'\n  total: Mapped[int]\n"
    "class Two: pass\n",
    "two.py": "class Two:\n  x = Column()\n",
    "tests/test_x.py": "class X:\n  __tablename__ = 'x'\n",
}


def test_columns_are_those_of_all_classes_that_a_table_inherits_from(tmp_path: Path) -> None:
    files = {f"cart/src/cart/models/{name}": text for name, text in MODELS.items()}
    workspace.write(tmp_path, workspace.composition("cart") | workspace.module("cart") | files)
    (module,) = workspace.selection(tmp_path).modules
    # Which of two classes with one name is meant is nobody's to know.
    assert surfaces([module])["cart"]["columns"] == {
        "orders": {"names": ["created", "id", "total"], "inherits": ["DeclarativeBase", "Two"]},
        "gifts": {"names": ["ribbon"], "inherits": ["Order"]},
    }


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


def test_the_convertor_of_a_parameter_is_no_other_path(tmp_path: Path) -> None:
    routes = flux.ROUTES.replace("{database_id}", "{database_id:int}")
    module, _ = flux.read(tmp_path, {**flux.FILES, "routes.py": routes})
    paths = [item["path"] for item in surfaces([module])["databases"]["operations"]]
    assert paths == ["/api/modules/databases/", "/api/modules/databases/{database_id}"]


def test_a_surface_is_looked_for_once_in_the_same_files(tmp_path: Path) -> None:
    module, _ = flux.read(tmp_path, flux.FILES)
    digests, cache = {"databases": sha256(b"files")}, tmp_path / "cache"
    expected = surfaces([module])
    assert kept_surfaces([module], digests, cache) == expected
    assert module.root
    shutil.rmtree(module.root / "migrations")
    assert kept_surfaces([module], digests, cache) == expected
    with pytest.raises(FileNotFoundError):
        kept_surfaces([module], {"databases": sha256(b"other files")}, cache)


def test_a_module_without_a_folder_has_no_surface_to_keep(tmp_path: Path) -> None:
    module, _ = flux.read(tmp_path, flux.FILES)
    without = replace(module, root=None)
    assert kept_surfaces([without], {"databases": sha256(b"")}, tmp_path / "cache") == {}
