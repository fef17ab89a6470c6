"""What operators and the shell ask the host: alive, ready, which release, which modules."""

import sqlite3
from http import HTTPStatus
from typing import TYPE_CHECKING

from fastapi import APIRouter, Request, Response

from server.migrations import MigrationError, pending
from server.permissions import permissions_of
from server.registry import Module
from server.release import Release
from server.routes import RouteMap

if TYPE_CHECKING:
    from server.context import Runtime


def create_router(modules: tuple[Module, ...], release: Release, routes: RouteMap) -> APIRouter:
    """Return the host's own routes."""
    router = APIRouter(tags=["host"])
    router.get("/healthz")(_alive)
    router.get("/readyz")(_ready)
    router.get("/api/_session")(_session)

    @router.get("/api/_release")
    def running_release() -> Release:
        return release

    @router.get("/api/_routes")
    def merged_routes() -> RouteMap:
        return routes

    @router.get("/api/_modules")
    def composed_modules() -> list[dict[str, str]]:
        return [
            {"name": module.name, "version": module.version, "description": module.description}
            for module in modules
        ]

    return router


def _alive() -> dict[str, str]:
    return {"status": "ok"}


def _ready(request: Request, response: Response) -> dict[str, object]:
    """Ready means: the database answers and has every migration of this release.

    Routers need no check: the process does not start when one of them cannot be mounted.
    """
    runtime: Runtime = request.app.state.runtime
    try:
        with runtime.work() as context:
            missing = pending(context.connection, runtime.migrations)
        problems = [f"migration {step.module}/{step.name} is missing" for step in missing]
    except (sqlite3.Error, MigrationError) as error:
        problems = [f"database: {error}"]
    if problems:
        response.status_code = HTTPStatus.SERVICE_UNAVAILABLE
    return {"ready": not problems, "problems": problems}


def _session(request: Request) -> dict[str, object]:
    return {
        "signed_in": "authorization" in request.headers,
        "permissions": sorted(permissions_of(request)),
    }
