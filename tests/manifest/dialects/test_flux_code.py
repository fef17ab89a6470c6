"""What Flux promises of a module's code and migrations is checked before a build."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.flux import FILES, ROUTES, codes, read
from xtask.manifest.module import EntryPoint, Migration

if TYPE_CHECKING:
    from pathlib import Path


def test_f4_the_router_is_mounted_under_the_platforms_prefix(tmp_path: Path) -> None:
    module, _ = read(tmp_path, FILES)
    assert [item[:2] for item in module.routers] == [
        ("/api/modules/databases", EntryPoint("modules.databases.routes", "router"))
    ]
    assert [item[:2] for item in module.operations] == [
        ("POST", "/api/modules/databases/"),
        ("GET", "/api/modules/databases/{database_id}"),
    ]
    assert str(module.operations[0].place) == "databases/routes.py:9"


def test_f4_a_module_without_routes_has_no_api(tmp_path: Path) -> None:
    files = {name: text for name, text in FILES.items() if name != "routes.py"}
    module, found = read(tmp_path, files)
    assert found == []
    assert (module.routers, module.operations) == ((), ())


def test_f4_routes_may_be_a_package(tmp_path: Path) -> None:
    files = {**FILES, "routes/__init__.py": ROUTES.replace("from .", "from ..")}
    del files["routes.py"]
    assert len(read(tmp_path, files)[0].operations) == 2


def test_f4_what_the_code_answers_twice_is_there_twice(tmp_path: Path) -> None:
    text = ROUTES + '@router.get("/{name}")\nasync def other(name: str): ...\n'
    module, found = read(tmp_path, {**FILES, "routes.py": text})
    assert found == []
    assert [
        (item.method, item.path[22:], item.place.span().line) for item in module.operations
    ] == [
        ("POST", "/", 9),
        ("GET", "/{database_id}", 6),
        ("GET", "/{name}", 11),
    ]


@pytest.mark.parametrize("home", [".plans", "modules.databases.plans"])
def test_f4_routes_of_another_file_are_seen_where_they_are_included(
    tmp_path: Path, home: str
) -> None:
    include = f'from {home} import router as plans\nrouter.include_router(plans, prefix="/plans")\n'
    plans = 'router = ModuleRouter("plans")\n@router.get("/{plan}")\ndef one(plan): ...\n'
    module, found = read(tmp_path, {**FILES, "routes.py": ROUTES + include, "plans.py": plans})
    assert found == []
    assert [(item.path, str(item.place)) for item in module.operations][1:] == [
        ("/api/modules/databases/plans/{plan}", "databases/plans.py:2"),
        ("/api/modules/databases/{database_id}", "databases/routes.py:6"),
    ]


def test_f3_routes_without_a_router_are_refused(tmp_path: Path) -> None:
    _, found = read(tmp_path, {**FILES, "routes.py": "roter = 1\n"})
    assert found == [("databases/module.json:3:11", "XT0217 error", "`routes.py` has no `router`")]


def test_f3_the_package_needs_an_init_file(tmp_path: Path) -> None:
    files = {name: text for name, text in FILES.items() if name != "__init__.py"}
    _, found = read(tmp_path, files)
    assert found == [
        ("databases/module.json:1:1", "XT0211 error", "`databases` has no file `__init__.py`")
    ]


def test_f5_hooks_keep_their_events_and_name_code_of_the_package(tmp_path: Path) -> None:
    module, _ = read(tmp_path, FILES)
    assert [item[:2] for item in module.hooks] == [
        ("after_module_enable", EntryPoint("modules.databases.hooks", "on_enable")),
        ("on_user_removed", EntryPoint("modules.databases.services.users", "forget")),
    ]


@pytest.mark.parametrize(
    ("hooks", "where", "code"),
    [
        ({"after_module_enable": "hooks:on_enabled"}, "12:28", "XT0217"),
        ({"after_module_enable": "hook:on_enable"}, "12:28", "XT0211"),
        ({"after_module_enable": "hooks.on_enable"}, "12:28", "XT0205"),
        ({"after_module_enable": "hooks:class"}, "12:28", "XT0205"),
        ({"after_module_enable": "..hooks:on_enable"}, "12:28", "XT0205"),
        ({"after_module_enable": 7}, "12:28", "XT0203"),
        ({"after_module_enable": None}, "11:12", "XT0202"),
        ({"after_module_enabled": "hooks:on_enable"}, "12:5", "XT0205"),
        ({"on_": "hooks:on_enable"}, "12:5", "XT0205"),
        (["hooks:on_enable"], "11:12", "XT0203"),
    ],
)
def test_f5_refuses_a_hook(tmp_path: Path, hooks: object, where: str, code: str) -> None:
    _, found = read(tmp_path, FILES, hooks=hooks)
    assert [item[:2] for item in found] == [(f"databases/module.json:{where}", f"{code} error")]


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("async def on_enable(data, context): ...", []),
        ("async def on_enable(*args): ...", []),
        ("async def on_enable(data, context, limit=3, *, more=None): ...", []),
        ("async def on_enable(data, context=None): ...", []),
        ("async def on_enable(data, context, *, more): ...", ["XT0217 error"]),
        ("async def on_enable(*, data, context): ...", ["XT0217 error"]),
        ("async def on_enable(**keys): ...", ["XT0217 error"]),
        ("async def on_enable(a, b, c, *args): ...", ["XT0217 error"]),
        ("from os import on_enable", []),
        ("on_enable = make()", []),
        ("on_enable = None", ["XT0217 error"]),
        ("on_enable: list = []", ["XT0217 error"]),
        ("class on_enable: ...", ["XT0217 error"]),
        ("if x:\n    on_enable = None\nelse:\n    from os import on_enable", []),
        ("def on_enable(data, context): ...", ["XT0217 error"]),
        ("async def on_enable(data): ...", ["XT0217 error"]),
        ("async def on_enable(data, context, more): ...", ["XT0217 error"]),
    ],
)
def test_f5_a_hook_takes_data_and_context(tmp_path: Path, code: str, expected: list[str]) -> None:
    hooks = {"after_module_enable": "hooks:on_enable"}
    assert expected == codes(tmp_path, {**FILES, "hooks.py": code + "\n"}, hooks=hooks)


OTHER = """\
async def good(data, context): ...
def bad(data): ...
class Thing: ...
from .services.users import forget
"""


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("from .other import good as on_enable", []),
        ("from .other import forget as on_enable", []),  # one import deep, and no deeper
        ("from .services import users as on_enable", ["module.json:12:28 XT0217 error"]),
        ("from .other import bad as on_enable", ["module.json:12:28 XT0217 error"]),
        ("from .other import Thing as on_enable", ["module.json:12:28 XT0217 error"]),
        ("from .other import on_enable", ["hooks.py:1:1 XT0217 error"]),
        ("from .another import on_enable", ["hooks.py:1:1 XT0211 error"]),
        ("from .services.none import on_enable", ["hooks.py:1:1 XT0211 error"]),
        ("from ..networks import on_enable", ["hooks.py:1:1 XT0219 error"]),
        ("try:\n    from .another import on_enable\nexcept ImportError: on_enable = None", []),
    ],
)
def test_f5_a_hook_is_followed_to_the_file_that_it_is_imported_from(
    tmp_path: Path, line: str, expected: list[str]
) -> None:
    files = {**FILES, "hooks.py": line + "\n", "other.py": OTHER}
    _, found = read(tmp_path, files, hooks={"after_module_enable": "hooks:on_enable"})
    assert expected == [f"{where.removeprefix('databases/')} {code}" for where, code, _ in found]


def test_f9_migrations_come_in_pairs(tmp_path: Path) -> None:
    module, _ = read(tmp_path, FILES)
    assert module.migrations == (
        Migration("migrations/001_initial.sql", "migrations/001_initial.down.sql"),
    )


def test_f9_a_migration_without_its_way_down_is_refused(tmp_path: Path) -> None:
    _, found = read(tmp_path, {**FILES, "migrations/002_more.sql": ""})
    assert [item[:2] for item in found] == [
        ("databases/migrations/002_more.sql:1:1", "XT0211 error")
    ]


def test_f10_tables_and_their_prefix_are_known(tmp_path: Path) -> None:
    files = {**FILES, "models.py": 'class Backup:\n    __tablename__ = "620600_databases"\n'}
    module, found = read(tmp_path, files)
    assert found == []
    assert [(item.name, str(item.place)) for item in module.tables] == [
        ("620600_databases", "databases/models.py:2"),
        ("620600_databases_hosts", "databases/migrations/001_initial.sql:2"),
    ]
    assert module.table_prefix
    assert module.table_prefix.text == "620600_databases_"


def test_f10_the_name_is_the_prefix_when_none_is_said(tmp_path: Path) -> None:
    module, found = read(tmp_path, FILES, table_prefix=..., module_id=...)
    assert module.table_prefix
    assert module.table_prefix.text == "databases_"
    assert found == [
        (
            "databases/migrations/001_initial.sql:2:15",
            "XT0205 warning",
            "table `620600_databases_hosts` does not begin with `databases_`",
        )
    ]


def test_f12_the_package_says_the_same_version(tmp_path: Path) -> None:
    init = '"""Databases."""\n\n__version__ = "2.0.7"\n'
    _, found = read(tmp_path, {**FILES, "__init__.py": init})
    assert found == [("databases/__init__.py:3:15", "XT0209 error", "`databases` has two versions")]


@pytest.mark.parametrize("init", ["", "__version__ = f'{2}.0.6'\n"])
def test_f12_the_package_says_a_version_in_a_literal(tmp_path: Path, init: str) -> None:
    assert codes(tmp_path, {**FILES, "__init__.py": init}) == ["XT0202 error"]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("from modules.networks import x", ["XT0219 error"]),
        ("import modules.networks.api as n", ["XT0219 error"]),
        ("from modules import networks", ["XT0219 error"]),
        ("from ..networks import x", ["XT0219 error"]),
        ("from .. import networks", ["XT0219 error"]),
        ("from app.modules.invoices import x", ["XT0219 error", "XT0219 warning"]),
        ("import importlib; importlib.import_module('modules.networks')", ["XT0219 error"]),
        ("try:\n    import modules.networks\nexcept ImportError: ...", ["XT0219 warning"]),
        ("import modules", ["XT0219 error"]),
        ("import app.modules", ["XT0219 error", "XT0219 warning"]),
        ("from app import modules", ["XT0219 error", "XT0219 warning"]),
        ("from modules import *", ["XT0219 error"]),
        ("from .. import *", ["XT0219 error"]),
        ("from ... import x", ["XT0219 error"]),
        ("from ...modules import databases", ["XT0219 error"]),
        ("from ..databases import x", []),
        ("from fastapi import APIRouter", ["XT0219 warning"]),
        ("def f():\n    import sqlalchemy.orm", ["XT0219 warning"]),
        ("from database import get_db_context", ["XT0219 warning"]),
        ("try:\n    import psycopg\nexcept ImportError: psycopg = None", []),
        ("import asyncio, json, os.path", []),
        ("from module_sdk import text, BaseModel", []),
        ("from modules.databases.services import users", []),
        ("from modules import databases", []),
    ],
)
def test_f15_a_module_imports_its_own_code_and_the_sdk(
    tmp_path: Path, line: str, expected: list[str]
) -> None:
    assert codes(tmp_path, {**FILES, "more.py": line + "\n"}) == expected


def test_f15_shows_the_import(tmp_path: Path) -> None:
    _, found = read(tmp_path, {**FILES, "services/a.py": "\n\nfrom ...networks.api import x\n"})
    assert found == [
        (
            "databases/services/a.py:3:1",
            "XT0219 error",
            "`modules.databases` imports `modules.networks`, which is another module",
        )
    ]


def test_f17_data_of_a_running_product_is_no_part_of_the_module(tmp_path: Path) -> None:
    assert read(tmp_path, FILES)[0].runtime_folders == ("data",)
    files = {**FILES, "data/left.py": "import modules.networks (\n"}
    assert codes(tmp_path, files) == []
