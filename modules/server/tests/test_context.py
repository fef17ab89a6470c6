"""A unit of work: typed settings, and events that are committed with what they are about."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

import pytest
from server.app import create_runtime
from server.registry import Hook, Module, Setting
from server.session import text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from server.sdk import Context, Event


def _record(context: Context, event: Event, *, word: str) -> None:
    context.connection.execute("INSERT INTO log VALUES (?)", (f"{word} {event['id']}",))


def _fail(_context: Context, _event: Event) -> None:
    raise RuntimeError("the hook failed")


def _hook(event: str, order: int, word: str) -> Hook:
    return Hook(event, order, lambda: partial(_record, word=word))


MODULES = (
    Module("a", "1.0.0", "a", hooks=(_hook("made", 200, "last"), _hook("made", 100, "first"))),
    Module("b", "1.0.0", "b", hooks=(_hook("made", 100, "second"), _hook("other", 1, "never"))),
    Module("c", "1.0.0", "c", hooks=(Hook("doomed", 2, lambda: _fail), _hook("doomed", 1, "lost"))),
    Module(
        "d",
        "1.0.0",
        "d",
        settings=(Setting("size", "integer", 3), Setting("on", "boolean", default=True)),
    ),
)


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Context]:
    runtime = create_runtime(MODULES, {"DATA_DIR": str(tmp_path)})
    with runtime.work() as work:
        work.connection.execute("CREATE TABLE log (line TEXT)")
        yield work


def _log(context: Context) -> list[str]:
    return [row["line"] for row in context.connection.execute("SELECT line FROM log")]


def test_hooks_run_by_order_then_by_dependency_order(context: Context) -> None:
    context.publish("made", {"id": 7})
    assert _log(context) == ["first 7", "second 7", "last 7"]


async def _flux(data: dict[str, object], context: Context) -> dict[str, object]:
    await context.db.execute(text("INSERT INTO log VALUES (:line)"), {"line": f"flux {data['id']}"})
    if data["id"] == 13:
        raise RuntimeError("unlucky")
    return {}


FLUX = Module(
    "f", "1.0.0", "f", dialect="Flux", hooks=(Hook("on_shop_order_placed", 100, lambda: _flux),)
)


@pytest.fixture
def flux(tmp_path: Path) -> Iterator[Context]:
    runtime = create_runtime((FLUX,), {"DATA_DIR": str(tmp_path)})
    with runtime.work() as work:
        work.connection.execute("CREATE TABLE log (line TEXT)")
        yield work


def test_a_hook_of_flux_hears_an_event_by_its_words_and_has_ended_when_publish_returns(
    flux: Context,
) -> None:
    flux.publish("shop.order-placed", {"id": 1})
    assert _log(flux) == ["flux 1"]
    assert not flux.connection.in_transaction


def test_a_coroutine_hook_may_be_published_to_from_a_running_loop(flux: Context) -> None:
    async def publish() -> None:
        flux.publish("shop.order.placed", {"id": 2})

    asyncio.run(publish())
    assert _log(flux) == ["flux 2"]


def test_a_failing_coroutine_undoes_what_it_wrote(flux: Context) -> None:
    with pytest.raises(RuntimeError, match="unlucky"):
        flux.publish("shop.order.placed", {"id": 13})
    assert _log(flux) == []


def test_what_a_coroutine_writes_belongs_to_the_transaction_of_the_publisher(flux: Context) -> None:
    def order() -> None:
        with flux.transaction():
            flux.publish("shop.order.placed", {"id": 3})
            raise ValueError("after the hook")

    with pytest.raises(ValueError, match="after the hook"):
        order()
    assert _log(flux) == []


def test_an_event_that_nobody_hears_is_no_error(context: Context) -> None:
    context.publish("unheard", {})
    assert _log(context) == []


def test_a_failing_hook_undoes_what_the_event_is_about(context: Context) -> None:
    def order() -> None:
        with context.transaction():
            context.connection.execute("INSERT INTO log VALUES ('order')")
            context.publish("doomed", {"id": 1})

    with pytest.raises(RuntimeError, match="the hook failed"):
        order()
    assert _log(context) == []


def test_a_setting_is_of_the_type_that_is_asked_for(context: Context) -> None:
    assert context.setting("d", "size", int) == 3
    assert context.setting("d", "on", bool) is True


def test_refuses_a_setting_of_another_type(context: Context) -> None:
    with pytest.raises(TypeError, match=r"d\.size is int, not str"):
        context.setting("d", "size", str)
    with pytest.raises(TypeError, match=r"d\.size is int, not bool"):
        context.setting("d", "size", bool)


def test_a_flag_is_no_number(context: Context) -> None:
    with pytest.raises(TypeError, match=r"d\.on is bool, not int"):
        context.setting("d", "on", int)
