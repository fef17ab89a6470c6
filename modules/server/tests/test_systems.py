"""What modules of other systems import of their platform, on the database of the product."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from contextlib import closing
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest
from app.core.auth import require_permission
from app.core.config import get_module_config, settings
from app.core.database import (
    check_module_table_exists,
    execute_module_migration,
    execute_query,
    get_db_connection,
)
from database import get_db_context
from fastapi import APIRouter, Depends
from server import context
from server.migrations import MigrationError
from server.registry import Hook, Module, Permission, Router, Setting
from server.session import text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from fastapi.testclient import TestClient

    Serve = Callable[..., TestClient]

# As FastVue's guide to modules writes them.
MODELS = """\
from sqlalchemy import Column, Integer, String, ForeignKey, Table
from sqlalchemy.orm import relationship
from app.db.base import Base

model_tag_association = Table(
    "my_module_model_tag",
    Base.metadata,
    Column("model_id", Integer, ForeignKey("my_models.id", ondelete="CASCADE"), primary_key=True),
    Column("tag_id", Integer, ForeignKey("my_module_tags.id"), primary_key=True),
)

class Tag(Base):
    __tablename__ = "my_module_tags"

    id = Column(Integer, primary_key=True)
    name = Column(String(50), nullable=False, index=True)

class MyModel(Base):
    __tablename__ = "my_models"

    id = Column(Integer, primary_key=True)
    name = Column(String(100), nullable=False)
    tags = relationship("Tag", secondary=model_tag_association, backref="models")
"""
ROUTES = """\
from fastapi import APIRouter, Depends, HTTPException
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from app.api.deps import get_current_user, get_db
from ..models import MyModel, Tag

router = APIRouter(prefix="/my-items", tags=["My Items"])

@router.get("/")
def list_items(db: Session = Depends(get_db)):
    return {"items": [[item.name, [tag.name for tag in item.tags]] for item in db.query(MyModel)]}

@router.post("/{name}")
def add(name: str, db: Session = Depends(get_db), user=Depends(get_current_user)):
    item = MyModel(name=name, tags=[Tag(name="new")])
    db.add(item)
    db.commit()
    db.refresh(item)
    return {"id": item.id, "by": user.id, "superuser": user.is_superuser}

@router.post("/{name}/forgotten")
def forget(name: str, db: Session = Depends(get_db)):
    db.add(MyModel(name=name))
    db.flush()

@router.post("/{name}/undone")
def undo(name: str, db: Session = Depends(get_db)):
    db.add(MyModel(name="kept"))
    db.commit()
    db.add(MyModel(name=name))
    db.flush()
    db.rollback()

@router.post("/{name}/refused")
def refuse(name: str, db: Session = Depends(get_db)):
    db.add(MyModel(name=name))
    db.flush()
    raise HTTPException(409, "taken")

@router.post("/{name}/dangling")
def dangle(name: str, db: Session = Depends(get_db)):
    db.execute(text("PRAGMA defer_foreign_keys = ON"))
    db.execute(text("INSERT INTO my_module_model_tag VALUES (1, 99)"))
    try:
        db.commit()
    except IntegrityError:
        db.rollback()
        db.add(MyModel(name=name))
        db.commit()

@router.get("/nested/{name}")
def nest(name: str, db: Session = Depends(get_db)):
    db.add(MyModel(name="outer"))
    with db.begin_nested() as inner:
        db.add(MyModel(name=name))
        db.flush()
        inner.rollback()
    db.commit()
"""
ITEMS = "/api/v1/my_module/my-items"


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the name of a FastVue module's package, which can be imported."""
    root = tmp_path_factory.mktemp("site")
    folder = root / "fastvue_modules" / "my_module"
    (folder / "api").mkdir(parents=True)
    (folder / "__init__.py").write_text("from . import models, api\n")
    (folder / "models.py").write_text(MODELS)
    (folder / "api/__init__.py").touch()
    (folder / "api/routes.py").write_text(ROUTES)
    sys.path.append(str(root))
    yield "fastvue_modules.my_module"
    sys.path.remove(str(root))


@pytest.fixture
def module(package: str) -> Module:
    router = import_module(f"{package}.api.routes").router
    return Module(
        name="my_module",
        version="1.0.0",
        package=package,
        dialect="fastvue",
        routers=(Router("/api/v1/my_module", lambda: router),),
    )


def _with_hooks(module: Module, **hooks: Callable[..., object]) -> Module:
    made = tuple(Hook(event, 100, lambda call=call: call) for event, call in hooks.items())  # type: ignore[misc]
    return replace(module, hooks=made)


def _items(client: TestClient) -> list[str]:
    return [name for name, _ in client.get(f"{ITEMS}/").json()["items"]]


def test_a_module_of_fastvue_works_as_its_guide_writes_it(
    serve: Serve, module: Module, admin: dict[str, str], tmp_path: Path
) -> None:
    client = serve(module)
    assert client.get(f"{ITEMS}/").json() == {"items": []}
    added = client.post(f"{ITEMS}/lamp", headers=admin)
    assert added.json() == {"id": 1, "by": 1, "superuser": True}
    assert serve(module).get(f"{ITEMS}/").json() == {"items": [["lamp", ["new"]]]}
    with closing(sqlite3.connect(tmp_path / "app.sqlite3")) as database:
        assert database.execute("SELECT * FROM my_module_model_tag").fetchall() == [(1, 1)]
        known = "SELECT count(*) FROM sqlite_schema WHERE name = 'ix_my_module_tags_name'"
        assert database.execute(known).fetchone() == (1,)


def test_only_what_a_session_commits_is_kept(serve: Serve, module: Module) -> None:
    client = serve(module)
    for how in ("forgotten", "undone", "refused"):
        client.post(f"{ITEMS}/lost/{how}")
    assert _items(client) == ["kept"]
    client.get(f"{ITEMS}/nested/lost")
    assert _items(client) == ["kept", "outer"]


def test_a_commit_that_fails_is_undone_and_the_session_goes_on(
    serve: Serve, module: Module
) -> None:
    client = serve(module)
    client.post(f"{ITEMS}/after/dangling")
    assert _items(serve(module)) == ["after"]


def test_a_user_of_fastvue_has_a_token(serve: Serve, module: Module, admin: dict[str, str]) -> None:
    client = serve(module)
    wrong = {"Authorization": "Bearer x"}
    answers = [client.post(f"{ITEMS}/a", headers=headers) for headers in ({}, wrong, admin)]
    assert [answer.status_code for answer in answers] == [401, 401, 200]
    assert answers[0].headers["WWW-Authenticate"] == "Bearer"


def test_hooks_get_a_session_and_models_have_tables_in_between(
    serve: Serve, module: Module, package: str
) -> None:
    model = import_module(f"{package}.models").MyModel
    seen: list[object] = []

    def pre_init(db: Any) -> None:  # noqa: ANN401
        from sqlalchemy import inspect  # noqa: PLC0415

        seen.append(inspect(db.connection()).has_table("my_models"))

    def post_init(db: Any) -> None:  # noqa: ANN401
        db.add(model(name="undone"))
        db.flush()
        db.rollback()
        db.add(model(name="first"))

    hooked = _with_hooks(module, pre_init=pre_init, post_init=post_init)
    assert _items(serve(hooked)) == ["first"]
    assert _items(serve(hooked)) == ["first"]
    assert seen == [False]


def test_a_hook_that_fails_leaves_nothing_of_what_it_committed(
    serve: Serve, module: Module, package: str, tmp_path: Path
) -> None:
    model = import_module(f"{package}.models").MyModel

    def post_init(db: Any) -> None:  # noqa: ANN401
        db.add(model(name="first"))
        db.commit()
        raise RuntimeError("no licence")

    with pytest.raises(RuntimeError, match="no licence"):
        serve(_with_hooks(module, post_init=post_init))
    with closing(sqlite3.connect(tmp_path / "app.sqlite3")) as database:
        assert database.execute("SELECT name FROM sqlite_schema").fetchall() == []


HUB = Module(
    name="invoice-ocr",
    version="1.0.0",
    package="server",
    dialect="bmc",
    settings=(
        Setting("read_only", "boolean", default=True),
        Setting("days", "integer", default=14),
        Setting("name", "string", default="true"),
        Setting("empty", "string"),
    ),
    permissions=(Permission("invoices:issue", "Issue"),),
)


@pytest.mark.parametrize(
    ("key", "expected"),
    [("READ_ONLY", "true"), ("days", "14"), ("Name", "true"), ("EMPTY", "x"), ("NO_SUCH", "x")],
)
def test_a_setting_of_the_hub_is_the_text_of_its_variable(
    serve: Serve, key: str, expected: str
) -> None:
    serve(HUB)
    assert get_module_config("invoice-ocr", key, "x") == expected
    assert get_module_config("nobody", key) is None


def test_a_switch_of_the_hub_is_turned_off_by_an_environment(serve: Serve) -> None:
    serve(HUB, MODULES__INVOICE_OCR__READ_ONLY="0")
    assert get_module_config("invoice-ocr", "READ_ONLY", "true") == "false"
    assert settings.MODULES_ENABLED


def test_the_hub_works_on_the_database_directly(serve: Serve) -> None:
    serve(HUB)
    assert not check_module_table_exists("invoices_issued")
    sql = "CREATE TABLE invoices_issued (id INTEGER PRIMARY KEY, total INTEGER);"
    sql += "INSERT INTO invoices_issued (total) VALUES (5);"
    assert [execute_module_migration("invoice-ocr", sql) for _ in range(2)] == [True, False]
    assert check_module_table_exists("invoices_issued")
    execute_query("INSERT INTO invoices_issued (total) VALUES (?)", [7])
    with get_db_connection() as connection:
        connection.execute("UPDATE invoices_issued SET total = 6 WHERE total = 5")

    def fail() -> None:
        with get_db_connection() as connection:
            connection.execute("DELETE FROM invoices_issued")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    rows = execute_query("SELECT total FROM invoices_issued WHERE total < ?", (9,))
    assert rows == [{"total": 6}, {"total": 7}]


def test_a_migration_of_the_hub_that_is_wrong_leaves_nothing(serve: Serve) -> None:
    serve(HUB)
    with pytest.raises(MigrationError, match="invoice-ocr/"):
        execute_module_migration("invoice-ocr", "CREATE TABLE invoices_a (id); CREATE nothing;")
    assert not check_module_table_exists("invoices_a")


def test_the_hub_asks_for_rights(serve: Serve, admin: dict[str, str]) -> None:
    router = APIRouter()

    @router.get("", dependencies=[Depends(require_permission("invoices:issue"))])
    def issue() -> str:
        return "issued"

    client = serve(replace(HUB, routers=(Router("/api/v1/invoice-ocr", lambda: router),)))
    codes = [
        client.get("/api/v1/invoice-ocr", headers=headers).status_code for headers in ({}, admin)
    ]
    assert codes == [401, 200]


def test_flux_has_the_database_outside_of_a_request(serve: Serve) -> None:
    serve(HUB)

    async def fail() -> None:
        async with get_db_context() as db:
            await db.execute(text("INSERT INTO flux_notes VALUES ('undone')"))
            raise ZeroDivisionError

    async def use() -> list[Any]:
        async with get_db_context() as db:
            await db.execute(text("CREATE TABLE flux_notes (title TEXT)"))
            await db.execute(text("INSERT INTO flux_notes VALUES ('kept')"))
        with pytest.raises(ZeroDivisionError):
            await fail()
        async with get_db_context() as db:
            return (await db.execute(text("SELECT title FROM flux_notes"))).scalars().all()

    assert asyncio.run(use()) == ["kept"]


def test_a_session_of_flux_takes_a_text_of_sqlalchemy_too(serve: Serve) -> None:
    from sqlalchemy import text as their_text  # noqa: PLC0415 - here only

    serve(HUB)

    async def use() -> object:
        async with get_db_context() as db:
            return await db.scalar(their_text("SELECT :a + 1"), {"a": 2})  # type: ignore[arg-type]

    assert asyncio.run(use()) == 3


def test_without_a_product_there_is_no_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(context, "_served", [])
    with pytest.raises(LookupError, match="no product runs here"):
        execute_query("SELECT 1")
