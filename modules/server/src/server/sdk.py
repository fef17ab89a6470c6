"""What modules may use of the host; everything else in `server` may change in any version.

Context                       a parameter of an endpoint, a job or a hook: the unit of work
Context.connection            SQLite, one connection per unit of work; use `?` parameters only
Context.transaction()         commits as a whole, or not at all
Context.setting(m, key, int)  a typed setting
Context.publish(event, data)  runs the hooks of every module
Context.db                    the same connection for coroutines: `await context.db.execute(…)`
Context.now                   the moment at which the work began, in UTC
require(permission)           guards a route: `dependencies=[require("shop.order.place")]`
"""

from collections.abc import Iterator
from typing import Annotated

from fastapi import Depends, Request

from server.commit import end_with
from server.context import Event, Runtime, WorkContext
from server.permissions import require

__all__ = ["Context", "Event", "require"]


def _context(request: Request) -> Iterator[WorkContext]:
    runtime: Runtime = request.app.state.runtime
    with runtime.work() as context:
        end_with(request, context.db)
        yield context


Context = Annotated[WorkContext, Depends(_context)]
