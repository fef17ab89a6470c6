"""The product as one application: every module of the registry, mounted."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from http import HTTPStatus
from itertools import groupby
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, cast

from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.exception_handlers import http_exception_handler

from server.assets import Assets
from server.calls import hook_of
from server.commit import CommitBeforeAnswer
from server.context import Runtime, serve
from server.endpoints import add_endpoints
from server.guard import SecurityHeaders
from server.jobs import ScheduledTask, parse_schedule, run_forever
from server.lifecycle import is_step, prepare, read_steps
from server.migrations import read_migrations
from server.mount import PrefixMount
from server.operations import create_router
from server.release import read_release
from server.routes import route_map
from server.settings import read_settings, read_variable, serve_settings
from server.shell import add_pages, create_shell

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
    from contextlib import AbstractAsyncContextManager

    from starlette.exceptions import HTTPException
    from starlette.responses import Response

    from server.context import Handler
    from server.registry import Module, Registry
    from server.shell import Shell

_MAX_BODY = 1 << 20
_DEFAULT_DATA = "/data"


def create_app(registry: Registry, *, environ: Mapping[str, str]) -> FastAPI:
    """Return the application of a registry; every module's code is imported here.

    Jobs without a schedule are not imported: nothing runs them.

    `environ` may hold `DATA_DIR` (the database's folder, default `/data`), `ADMIN_TOKEN`,
    `JOBS=1`, `XTASK_*` (the release) and `MODULES__<MODULE>__<KEY>` (settings). Of the token and of
    settings it may have the path of a file instead, as `NAME_FILE`. Migrations run when the
    application starts, not here; with `XTASK_MIGRATIONS=applied` they have run before that, and
    one that is missing is an error then.

    Raises:
        SettingsError: with every setting that is wrong or missing.
        ScheduleError: a job's schedule cannot be read.
    """
    modules = registry.MODULES
    runtime = create_runtime(modules, environ)
    serve(runtime)
    release = read_release(registry.APP, environ)
    routes = route_map(modules)
    app = FastAPI(
        title=registry.APP,
        docs_url=None,  # the ready-made pages load scripts from elsewhere, which the policy forbids
        redoc_url=None,
        openapi_url="/api/_openapi.json",
        max_body_size=_MAX_BODY,
        lifespan=_lifespan(
            _load_jobs(modules) if environ.get("JOBS") == "1" else (),
            migrated=environ.get("XTASK_MIGRATIONS") == "applied",
        ),
    )
    app.state.runtime = runtime
    app.add_middleware(CommitBeforeAnswer)
    app.add_middleware(SecurityHeaders)
    app.include_router(create_router(modules, release, routes))
    for module in _overriders_first(modules):
        _mount(app, module)
    if routes.routes:
        shell = create_shell(routes, release)
        add_pages(app, routes, shell)
        app.add_exception_handler(HTTPStatus.NOT_FOUND, _not_found(shell))
    return app


def create_runtime(modules: Sequence[Module], environ: Mapping[str, str]) -> Runtime:
    """Return what the units of work of these modules are made from.

    Raises:
        SettingsError: with every setting that is wrong or missing.
    """
    settings = read_settings(modules, environ)
    serve_settings(settings)  # before a module is imported, which may ask for them
    return Runtime(
        database=Path(environ.get("DATA_DIR") or _DEFAULT_DATA) / "app.sqlite3",
        settings=settings,
        hooks=_load_hooks(modules),
        migrations=read_migrations(modules),
        steps=read_steps(modules),
        permissions=frozenset(p.name for module in modules for p in module.permissions),
        admin_token=read_variable("ADMIN_TOKEN", environ) or "",
    )


def _overriders_first(modules: Sequence[Module]) -> Sequence[Module]:
    """Return the modules so that whoever overrides another comes before it: the first answers."""
    ordered: dict[str, Module] = {}
    seen: set[str] = set()

    def place(module: Module) -> None:
        if module.name in seen:
            return
        seen.add(module.name)
        for other in modules:
            if module.name in other.overrides:
                place(other)
        ordered[module.name] = module

    for module in modules:
        place(module)
    return tuple(ordered.values())


def _mount(app: FastAPI, module: Module) -> None:
    add_endpoints(app, module)
    for router in module.routers:
        app.include_router(router.load(), prefix=router.prefix, tags=[module.name])
    for mounted in module.apps:
        app.router.routes.append(PrefixMount(mounted.prefix, mounted.load()))
    if module.assets:
        app.mount(f"/assets/{module.name}", Assets(module.package, module.assets))


def _load_hooks(modules: Sequence[Module]) -> Mapping[str, tuple[Handler, ...]]:
    # A stable sort: hooks with one order run in dependency order of their modules.
    hooks = sorted(
        (
            (hook, module.dialect)
            for module in modules
            for hook in module.hooks
            if not is_step(module, hook)
        ),
        key=lambda item: (item[0].event, item[0].order),
    )
    grouped = groupby(hooks, key=lambda item: item[0].event)
    return MappingProxyType(
        {
            event: tuple(hook_of(dialect, hook.load()) for hook, dialect in handlers)
            for event, handlers in grouped
        }
    )


def _load_jobs(modules: Sequence[Module]) -> tuple[ScheduledTask, ...]:
    return tuple(
        ScheduledTask(job.name, parse_schedule(job.schedule), job.load(), job.timeout, job.retries)
        for module in modules
        for job in module.jobs
        if job.schedule
    )


def _lifespan(
    jobs: tuple[ScheduledTask, ...], *, migrated: bool
) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        runtime: Runtime = app.state.runtime
        await run_in_threadpool(_prepare_database, runtime, migrated=migrated)
        loop = asyncio.create_task(run_forever(jobs, runtime)) if jobs else None
        yield
        if loop is not None:
            loop.cancel()
            with suppress(asyncio.CancelledError):
                await loop

    return lifespan


def _prepare_database(runtime: Runtime, *, migrated: bool) -> None:
    runtime.database.parent.mkdir(parents=True, exist_ok=True)
    with runtime.work() as context:
        prepare(context, runtime.migrations, runtime.steps, migrated=migrated)


def _not_found(shell: Shell) -> Callable[[Request, Exception], Awaitable[Response]]:
    async def handle(request: Request, error: Exception) -> Response:
        if request.method == "GET" and "text/html" in request.headers.get("accept", ""):
            return shell("Not found", HTTPStatus.NOT_FOUND)
        return await http_exception_handler(request, cast("HTTPException", error))

    return handle
