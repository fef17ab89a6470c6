"""The SDK of other platforms: an asynchronous session on the product's database, and rights."""

from __future__ import annotations

import sqlite3
import sys
from contextlib import closing
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import module_sdk
import pytest
from module_sdk import (
    AsyncSession,
    BaseModel,
    Depends,
    HTTPException,
    List,
    ModuleRouter,
    Optional,
    User,
    get_db,
    get_module_config,
    require_permission,
    text,
)
from server.registry import Migration, Module, Permission, Router, Setting

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from fastapi.testclient import TestClient

    Serve = Callable[..., TestClient]

router = ModuleRouter("notes")
INSERT = text("INSERT INTO notes (title, at) VALUES (:title, :at) RETURNING id")


class Note(BaseModel):
    """A note, as a module of Flux would write it."""

    title: str
    tag: Optional[str] = None


@router.get("/", response_model=List[dict])  # type: ignore[type-arg]
async def list_notes(db: AsyncSession = Depends(get_db)) -> list[dict[str, object]]:  # noqa: B008
    result = await db.execute(text("SELECT id, title FROM notes ORDER BY id"))
    return result.mappings().all()


@router.post("/")
async def create(
    note: Note,
    db: AsyncSession = Depends(get_db),  # noqa: B008
    user: User = Depends(require_permission("notes:write")),  # noqa: B008
) -> dict[str, object]:
    result = await db.execute(INSERT, {"title": note.title, "at": datetime(2026, 1, 2, tzinfo=UTC)})
    return {"id": result.scalar_one(), "by": user.name}


@router.post("/refused")
async def refused(db: AsyncSession = Depends(get_db)) -> None:  # noqa: B008
    await db.execute(INSERT, {"title": "lost", "at": None})
    raise HTTPException(status_code=409, detail="taken")


@router.post("/kept-and-undone")
async def kept_and_undone(db: AsyncSession = Depends(get_db)) -> int:  # noqa: B008
    await db.execute(INSERT, {"title": "kept", "at": date(2026, 1, 2)})
    await db.commit()
    await db.execute(INSERT, {"title": "undone", "at": None})
    await db.rollback()
    return int(await db.scalar(text("SELECT count(*) FROM notes")))


@router.post("/shapes")
async def shapes(db: AsyncSession = Depends(get_db)) -> dict[str, object]:  # noqa: B008
    many = await db.execute(
        text("INSERT INTO notes (title) VALUES (:title)"), [{"title": "a"}, {"title": "b"}]
    )
    rows = await db.execute(text("/* all */ SELECT id, title FROM notes ORDER BY id"))
    first = rows.fetchone()
    assert first is not None
    titles = (await db.execute(text("SELECT title FROM notes ORDER BY id"))).scalars().all()
    none = await db.execute(text("SELECT id FROM notes WHERE title = :title"), {"title": "z"})
    return {
        "written": many.rowcount,
        "first": [first.title, first[1], first._mapping["title"], len(rows.all())],  # noqa: SLF001 - public
        "titles": titles,
        "none": none.first(),
    }


@router.post("/dangling")
async def dangling(db: AsyncSession = Depends(get_db)) -> str:  # noqa: B008
    await db.execute(text("INSERT INTO tags VALUES (99)"))
    return "done"


@router.get("/wrong")
async def wrong(db: AsyncSession = Depends(get_db)) -> None:  # noqa: B008
    await db.execute("SELECT 1")  # type: ignore[arg-type]


@pytest.fixture
def client(serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    package = tmp_path / "site" / "modules" / "notes"
    (package / "migrations").mkdir(parents=True)
    (package / "__init__.py").touch()
    sql = "CREATE TABLE notes (id INTEGER PRIMARY KEY, title TEXT UNIQUE, at TEXT);"
    reference = "note INTEGER REFERENCES notes (id) DEFERRABLE INITIALLY DEFERRED"
    sql += f"CREATE TABLE tags ({reference});"
    (package / "migrations/001_initial.sql").write_text(sql)
    (package / "frontend").mkdir()
    (package / "frontend/Page.tsx").write_text("export default () => null;\n")
    monkeypatch.syspath_prepend(tmp_path / "site")
    monkeypatch.delitem(sys.modules, "modules.notes", raising=False)  # that of another test
    module = Module(
        name="notes",
        version="1.0.0",
        package="modules.notes",
        dialect="Flux",
        routers=(Router("/api/modules/notes", lambda: router),),
        permissions=(Permission("notes:write", "Write"),),
        migrations=(Migration("migrations/001_initial.sql", "migrations/001_initial.down.sql"),),
        settings=(Setting("read_only", "boolean", default=True),),
        assets="frontend",
    )
    return serve(module)


URL = "/api/modules/notes"


def test_what_a_request_writes_is_there_when_the_answer_begins(
    client: TestClient, admin: dict[str, str], tmp_path: Path
) -> None:
    answer = client.post(f"{URL}/", json={"title": "one"}, headers=admin).json()
    assert answer == {"id": 1, "by": "administrator"}
    with closing(sqlite3.connect(tmp_path / "app.sqlite3")) as database:
        rows = database.execute("SELECT title, at FROM notes").fetchall()
    assert rows == [("one", "2026-01-02 00:00:00+00:00")]
    assert client.get(f"{URL}/").json() == [{"id": 1, "title": "one"}]


def test_a_commit_that_fails_is_never_a_success(client: TestClient, tmp_path: Path) -> None:
    with pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"):
        client.post(f"{URL}/dangling")
    with closing(sqlite3.connect(tmp_path / "app.sqlite3")) as database:
        assert database.execute("SELECT * FROM tags").fetchall() == []


def test_a_refused_request_leaves_nothing(client: TestClient) -> None:
    assert client.post(f"{URL}/refused").status_code == 409
    assert client.get(f"{URL}/").json() == []


def test_a_module_may_commit_and_undo_by_itself(client: TestClient) -> None:
    assert client.post(f"{URL}/kept-and-undone").json() == 1
    assert [note["title"] for note in client.get(f"{URL}/").json()] == ["kept"]


def test_rows_are_what_modules_of_flux_expect(client: TestClient) -> None:
    assert client.post(f"{URL}/shapes").json() == {
        "written": 2,
        "first": ["a", "a", "a", 1],
        "titles": ["a", "b"],
        "none": None,
    }


def test_a_statement_has_to_be_marked_as_text(client: TestClient) -> None:
    with pytest.raises(TypeError, match=r"write text\(\.\.\.\) around"):
        client.get(f"{URL}/wrong")


def test_a_right_is_needed_and_says_who_has_it(client: TestClient) -> None:
    response = client.post(f"{URL}/", json={"title": "one"})
    assert (response.status_code, response.json()) == (401, {"detail": "needs notes:write"})


def test_the_front_end_of_a_module_below_a_namespace_is_served(client: TestClient) -> None:
    assert client.get("/assets/notes/Page.tsx").status_code == 200
    assert client.get("/assets/notes/../__init__.py").status_code == 404


@pytest.mark.usefixtures("client")
def test_settings_can_be_asked_for_without_a_unit_of_work() -> None:
    assert get_module_config("notes") == {"read_only": True}
    assert get_module_config("notes", "READ_ONLY") is True
    assert get_module_config("notes", "DRY_RUN", default=False) is False
    with pytest.raises(LookupError, match="nobody"):
        get_module_config("nobody")


def test_every_name_that_is_promised_is_there() -> None:
    promised = {"ModuleRouter", "get_db", "AsyncSession", "text", "require_permission", "Depends"}
    promised |= {"HTTPException", "BaseModel", "Field", "Query", "Optional", "List", "Dict", "Any"}
    assert promised <= {*module_sdk.__all__}
    assert [name for name in module_sdk.__all__ if not hasattr(module_sdk, name)] == []
