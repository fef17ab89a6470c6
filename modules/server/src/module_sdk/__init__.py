"""What modules of Flux import of their platform.

A module that uses only this runs in the product as it is. `server.sdk` is what native modules use,
`app` what those of FastVue and of the BMC Hub do.

ModuleRouter("name")             a FastAPI router; the host adds the module's prefix
Depends(get_db)                  an `AsyncSession`: `await db.execute(text("… :id"), {"id": 1})`
Depends(require_permission("a:b"))   refuses a request without it, and returns who sent it
get_module_config("name")        the module's settings, wherever one is asked for
"""

from collections.abc import Callable
from typing import Any, Dict, List, Optional  # noqa: UP035 - modules import these names

from fastapi import (
    APIRouter,
    Body,
    Depends,
    HTTPException,
    Path,
    Query,
    Request,
    Response,
    status,
)
from pydantic import BaseModel, Field
from server.permissions import User, check_of
from server.sdk import Context
from server.session import AsyncSession, Result, Row, text
from server.settings import module_config

__all__ = [
    "APIRouter",
    "Any",
    "AsyncSession",
    "BaseModel",
    "Body",
    "Context",
    "Depends",
    "Dict",
    "Field",
    "HTTPException",
    "List",
    "ModuleRouter",
    "Optional",
    "Path",
    "Query",
    "Request",
    "Response",
    "Result",
    "Row",
    "User",
    "get_db",
    "get_module_config",
    "require_permission",
    "status",
    "text",
]


class ModuleRouter(APIRouter):
    """The router of a module; paths are relative to where the product mounts it."""

    def __init__(self, name: str, **options: Any) -> None:  # noqa: ANN401 - what APIRouter takes
        super().__init__(**options)
        self.name = name


async def get_db(context: Context) -> AsyncSession:
    """Return the session of the request, whose work is committed before the answer begins.

    An exception that leaves the request undoes it instead.
    """
    return context.db


def require_permission(permission: str) -> Callable[[Request], User]:
    """Return the dependency that refuses a request without a permission such as `notes:write`."""
    return check_of(permission)


def get_module_config(name: str, key: str | None = None, default: Any = None) -> Any:  # noqa: ANN401
    """Return the settings of a module, or the one called `key` in any case, else `default`.

    Raises:
        LookupError: no module of the product has this name.
    """
    settings = module_config(name)
    if key is None:
        return dict(settings)
    return {known.lower(): value for known, value in settings.items()}.get(key.lower(), default)
