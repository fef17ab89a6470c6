"""Endpoints: one function for one method on one path, as capability modules have them."""

from __future__ import annotations

import inspect
from functools import wraps
from typing import TYPE_CHECKING, Any

from fastapi import Request

from server.permissions import require
from server.sdk import Context

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastapi import FastAPI

    from server.registry import Module

_VARIADIC = {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}


def add_endpoints(app: FastAPI, module: Module) -> None:
    """Answer what the module's endpoints say; all permissions of one are needed.

    A handler is called as jobs and hooks are, with the unit of work: its parameter `context`, or
    its first one when that has no annotation. A parameter `request` without an annotation is the
    HTTP request. All others are what they would be in a function of a FastAPI router.
    """
    for endpoint in module.endpoints:
        app.add_api_route(
            endpoint.path,
            with_context(endpoint.load(), endpoint.path),
            methods=[endpoint.method],
            tags=[module.name],
            dependencies=[require(permission) for permission in endpoint.permissions],
        )


def with_context(handler: Callable[..., Any], path: str) -> Callable[..., Any]:
    """Return the handler with a signature that the web framework can fill in for `path`."""
    signature = inspect.signature(handler)
    # Without their order, defaults may be taken away from any of them.
    parameters = [
        parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for parameter in signature.parameters.values()
        if parameter.kind not in _VARIADIC
    ]
    for index, parameter in enumerate(parameters):
        bare = parameter.annotation is parameter.empty and f"{{{parameter.name}" not in path
        if bare and parameter.name == "request":
            parameters[index] = parameter.replace(annotation=Request, default=parameter.empty)
        elif parameter.name == "context" or (bare and index == 0):
            parameters[index] = parameter.replace(annotation=Context, default=parameter.empty)
    if inspect.iscoroutinefunction(handler):

        @wraps(handler)
        async def call(**values: object) -> object:
            return await handler(**values)

    else:

        @wraps(handler)
        def call(**values: object) -> object:
            return handler(**values)

    vars(call)["__signature__"] = signature.replace(parameters=parameters)
    return call
