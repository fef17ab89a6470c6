"""Paths that nobody would reach: the host's own, and what somebody else answers whole."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from xtask.diagnostics import Place, Problems
    from xtask.manifest.module import App, Endpoint, Module, Operation, Router

# What the host serves itself, whatever the modules are.
RESERVED = ("/healthz", "/readyz", "/assets", "/api/_release", "/api/_routes")
_BELOW_RESERVED = tuple(f"{path}/" for path in RESERVED)
_PREFIX, _PAGE, _OPERATION = "API prefix", "front-end route", "API route"

_TAKES_ALL = re.compile(r"/\{\w+:path\}")

_Apps = dict[str, "tuple[Module, App]"]
_Takers = dict[str, "list[tuple[Module, Endpoint | Operation]]"]


class _Path(NamedTuple):
    """A path of a module; `below` is its own prefix that it lies under, and that is looked at."""

    kind: str
    path: str
    place: Place
    below: str = ""
    method: str = "GET"


def refuse_unreachable(modules: Iterable[Module], problems: Problems) -> None:
    """Note paths that others answer (XT0304).

    They belong to the host, to the ASGI application of another module, or to an operation of
    another module that takes all paths below its own, such as `GET /shop/{rest:path}`.
    """
    modules = tuple(modules)
    apps: _Apps = {app.prefix: (module, app) for module in modules for app in module.apps}
    for owner, app in apps.values():
        _refuse_above_the_host(owner, app, problems)
    for module in modules:
        for path in _paths(module):
            _refuse_reserved(module, path, problems)
            if apps:
                _refuse_swallowed(module, path, apps, problems)
    takers = _takers(modules)
    for module in modules if takers else ():
        for path in _paths(module):
            _refuse_taken(module, path, takers, problems)


def _paths(module: Module) -> Iterator[_Path]:
    mounted: tuple[Router | App, ...] = (*module.routers, *module.apps)
    answers: tuple[Endpoint | Operation, ...] = (*module.endpoints, *module.operations)
    prefixes = {part.prefix for part in mounted}
    for part in mounted:
        yield _Path(_PREFIX, part.prefix, part.place.at("prefix"))
    for route in module.routes:
        yield _Path(_PAGE, route.path, route.place.at("path"))
    for answer in answers:
        own = [above for above in _from_the_top(answer.path) if above in prefixes]
        yield _Path(
            _OPERATION,
            answer.path,
            answer.place.at("path"),
            own[-1] if own else "",
            answer.method.upper(),
        )


def _from_the_top(path: str) -> list[str]:
    """Return everything that a path lies in, itself at the end: `/a`, `/a/b` for `/a/b`."""
    steps = path.split("/")
    return ["/".join(steps[:end]) for end in range(2, len(steps) + 1)]


def _is_reserved(path: str) -> bool:
    return path in RESERVED or path.startswith(_BELOW_RESERVED)


def _refuse_reserved(module: Module, claimed: _Path, problems: Problems) -> None:
    if _is_reserved(claimed.path) and not _is_reserved(claimed.below):
        problems.add(
            "XT0304",
            f"`{module.name}` claims `{claimed.path}`, which the host serves itself",
            claimed.place,
            help=f"give it another {claimed.kind}",
        )


def _refuse_above_the_host(owner: Module, app: App, problems: Problems) -> None:
    for path in RESERVED:
        if app.prefix and path.startswith(f"{app.prefix}/"):
            problems.add(
                "XT0304",
                f"the application of `{owner.name}` would own `{path}`, "
                "which the host serves itself",
                app.place.at("prefix"),
                help="mount it deeper, such as under `/api/shop`",
            )


def _refuse_swallowed(module: Module, claimed: _Path, apps: _Apps, problems: Problems) -> None:
    """Note a prefix below an application, and a page or an operation at or below one.

    What is inside of the application of its own module is that module's affair, but for pages.
    """
    whole = _from_the_top(claimed.path)
    inside = whole[:-1] if claimed.kind == _PREFIX else whole
    seen = _from_the_top(claimed.below)
    for prefix in inside:
        owner, app = apps.get(prefix, (None, None))
        if owner and app and prefix not in seen and (claimed.kind == _PAGE or owner is not module):
            problems.add(
                "XT0304",
                f"`{claimed.path}` of `{module.name}` is inside of `{app.prefix}`, "
                f"which the application of `{owner.name}` owns whole",
                claimed.place,
                others=[(app.place.at("prefix"), f"mounted by `{owner.name}`")],
                help="move one of the two",
            )


def _takers(modules: Iterable[Module]) -> _Takers:
    """Return the operations that take every path below one, by that path."""
    found: _Takers = {}
    for module in modules:
        answers: tuple[Endpoint | Operation, ...] = (*module.endpoints, *module.operations)
        for answer in answers:
            above, slash, last = answer.path.rpartition("/")
            if _TAKES_ALL.fullmatch(slash + last):
                found.setdefault(above, []).append((module, answer))
    return found


def _refuse_taken(module: Module, claimed: _Path, takers: _Takers, problems: Problems) -> None:
    """Note a page or an operation that another module takes, if its router is asked first."""
    above = ["", *_from_the_top(claimed.path)[:-1]] if claimed.kind != _PREFIX else []
    for owner, taker in (found for path in above for found in takers.get(path, ())):
        is_settled = owner.name in module.overrides or module.name in owner.overrides
        if owner is module or is_settled or taker.method.upper() != claimed.method:
            continue
        if _TAKES_ALL.fullmatch(claimed.path.removeprefix(taker.path.rpartition("/")[0])):
            continue  # one operation of two modules, which is noted as such
        problems.add(
            "XT0304",
            f"`{claimed.path}` of `{module.name}` is below `{taker.path}`, "
            f"which `{owner.name}` answers",
            claimed.place,
            others=[(taker.place.at("path"), f"`{owner.name}` takes every path here")],
            help="move one of the two, or name in the code which paths it answers",
        )
