"""Calling functions of modules: plain ones and coroutines, each as its dialect calls them."""

from __future__ import annotations

import asyncio
import inspect
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from server.context import Event, Handler, WorkContext


def complete(result: object, limit: float | None = None) -> object:
    """Return what a function returned; of a coroutine, what it returns once it has ended.

    Whoever calls this waits, also on the thread of an event loop, so that a hook has ended before
    the statement after `publish`.

    Args:
        result: any value.
        limit: after how many seconds a coroutine is cancelled, None for never.

    Raises:
        TimeoutError: the coroutine was cancelled.
    """
    if not inspect.isawaitable(result):
        return result
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(_within(result, limit))
    with ThreadPoolExecutor(1) as aside:  # a running loop cannot be entered again
        return aside.submit(asyncio.run, _within(result, limit)).result()


async def _within(awaitable: Awaitable[object], limit: float | None) -> object:
    return await asyncio.wait_for(awaitable, limit)


def hook_of(dialect: str, function: Callable[..., Any]) -> Handler:
    """Return a hook as the host calls it: with the unit of work and what the publisher says.

    Hooks of Flux take `(data, context)`; those of FastVue a session called `db`, the unit of work,
    or nothing.
    """
    if dialect.lower() == "flux":
        return lambda context, event: complete(function(dict(event), context))
    if dialect.lower() == "fastvue":
        parameters = [*inspect.signature(function).parameters]
        if not parameters:
            return lambda _context, _event: complete(function())
        if parameters[0] == "db":
            return lambda context, _event: _with_session(function, context)
        return lambda context, _event: complete(function(context))

    def call(context: WorkContext, event: Event) -> object:
        return complete(function(context, event))

    return call


def _with_session(function: Callable[..., Any], context: WorkContext) -> object:
    from server.orm import session_on  # noqa: PLC0415 - SQLAlchemy is for those who use it

    with session_on(context.connection) as session:
        result = complete(function(session))
        session.commit()
        return result
