"""What a request wrote is in the database before its answer begins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi.concurrency import run_in_threadpool

if TYPE_CHECKING:
    from fastapi import Request
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from server.session import AsyncSession

_KEY = "server.sessions"


class CommitBeforeAnswer:
    """ASGI middleware that ends the transactions of a request's sessions before the answer.

    The web framework ends dependencies after the answer, so a client could read before its own
    write is there, and be told of a success that the commit then refuses.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        sessions: list[AsyncSession] = []

        async def send_committed(message: Message) -> None:
            if message["type"] == "http.response.start":
                for session in sessions:
                    await run_in_threadpool(session.end)
            await send(message)

        scope[_KEY] = sessions
        await self.app(scope, receive, send_committed)


def end_with(request: Request, session: AsyncSession) -> None:
    """Have the session's transaction ended before the request's answer begins."""
    request.scope[_KEY].append(session)
