"""The database of Flux, which some of its modules ask for outside of a request.

async with get_db_context() as db:      an `AsyncSession`, committed at the end

Flux's documents name `module_sdk` only, whose `get_db` is the one for endpoints.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi.concurrency import contextmanager_in_threadpool
from module_sdk import get_db
from server.context import served
from server.session import AsyncSession

__all__ = ["get_db", "get_db_context"]


@asynccontextmanager
async def get_db_context() -> AsyncIterator[AsyncSession]:
    """Open the database of the product; an exception that leaves undoes what was written.

    Raises:
        LookupError: no product runs in this process.
    """
    async with contextmanager_in_threadpool(served().work()) as context:
        yield context.db
