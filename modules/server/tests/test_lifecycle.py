"""The life of a module: once for a database, or at every start, or never; all or nothing."""

from __future__ import annotations

import sqlite3
import sys
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from server.app import create_app
from server.registry import Hook, Migration, Module, Registry
from server.session import text

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from fastapi.testclient import TestClient
    from server.context import WorkContext

    Serve = Callable[..., TestClient]

CALLS: list[str] = []


@pytest.fixture(autouse=True)
def calls() -> list[str]:
    CALLS.clear()
    return CALLS


def _fastvue(word: str) -> Callable[[WorkContext], None]:
    def hook(context: WorkContext) -> None:
        tables = context.connection.execute(
            "SELECT name FROM sqlite_schema WHERE name = 'leads'"
        ).fetchall()
        CALLS.append(f"{word} {len(tables)}")

    return hook


async def _on_enable(data: dict[str, object], context: WorkContext) -> dict[str, object]:
    await context.db.execute(text("CREATE TABLE IF NOT EXISTS enabled (module TEXT)"))
    await context.db.execute(text("INSERT INTO enabled VALUES (:module)"), data)
    await context.db.commit()
    CALLS.append(f"enabled {data['module']} {data['version']}")
    return {"success": True}


def _never() -> None:
    raise AssertionError("is never loaded")


def _post_load() -> None:
    CALLS.append("load")


@pytest.fixture
def crm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Module:
    package = tmp_path / "site" / "modules" / "leads"
    (package / "migrations").mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "migrations/001_leads.sql").write_text("CREATE TABLE leads (id INTEGER);")
    monkeypatch.syspath_prepend(tmp_path / "site")
    monkeypatch.delitem(sys.modules, "modules.leads", raising=False)  # that of another test
    return Module(
        name="crm",
        version="1.0.0",
        package="modules.leads",
        dialect="fastvue",
        migrations=(Migration("migrations/001_leads.sql", "migrations/001_leads.down.sql"),),
        hooks=(
            Hook("post_init", 100, lambda: _fastvue("post")),
            Hook("pre_init", 100, lambda: _fastvue("pre")),
            Hook("post_load", 100, lambda: _post_load),
            Hook("uninstall", 100, _never),
        ),
    )


FLUX = Module(
    name="databases",
    version="2.0.0",
    package="server",
    dialect="Flux",
    hooks=(
        Hook("after_module_enable", 100, lambda: _on_enable),
        Hook("after_module_disable", 100, _never),
    ),
)


def test_each_step_runs_in_its_place_and_only_loading_runs_again(
    serve: Serve, crm: Module, calls: list[str]
) -> None:
    serve(crm, FLUX)
    first = ["pre 0", "post 1", "enabled databases 2.0.0", "load"]
    assert calls == first
    serve(crm, FLUX)
    assert calls == [*first, "load"]


def test_a_module_that_was_away_is_enabled_again_and_not_initialised_again(
    serve: Serve, crm: Module, calls: list[str]
) -> None:
    serve(crm, FLUX)
    serve()
    calls.clear()
    serve(crm, FLUX)
    assert calls == ["enabled databases 2.0.0", "load"]


def test_a_step_that_fails_leaves_nothing_and_is_tried_at_the_next_start(
    serve: Serve, crm: Module, tmp_path: Path, calls: list[str]
) -> None:
    def fail() -> None:
        raise RuntimeError("no licence")

    broken = replace(crm, hooks=(*crm.hooks, Hook("post_load", 200, lambda: fail)))
    with pytest.raises(RuntimeError, match="no licence"):
        serve(FLUX, broken)
    with closing(sqlite3.connect(tmp_path / "app.sqlite3")) as database:
        assert database.execute("SELECT name FROM sqlite_schema").fetchall() == []
    calls.clear()
    serve(FLUX, crm)
    assert calls == ["pre 0", "post 1", "enabled databases 2.0.0", "load"]


def test_no_event_calls_a_step(crm: Module, tmp_path: Path, calls: list[str]) -> None:
    app = create_app(Registry("x", (crm,)), environ={"DATA_DIR": str(tmp_path)})
    with app.state.runtime.work() as context:
        context.publish("post_init", {})
        context.publish("uninstall", {})
    assert calls == []


def test_a_native_module_may_hear_an_event_of_that_name(tmp_path: Path, calls: list[str]) -> None:
    def hear(_context: object, _event: object) -> None:
        calls.append("heard")

    native = Module("n", "1.0.0", "server", hooks=(Hook("post_load", 1, lambda: hear),))
    app = create_app(Registry("x", (native,)), environ={"DATA_DIR": str(tmp_path)})
    with app.state.runtime.work() as context:
        context.publish("post_load", {})
    assert calls == ["heard"]
