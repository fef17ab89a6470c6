"""Everything that a module owns by name, and the rule that one thing has one owner."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from xtask.diagnostics import Place, Problems
    from xtask.manifest.module import App, Module, Router

# What the host serves itself, whatever the modules are.
RESERVED = ("/healthz", "/readyz", "/assets", "/api/_release", "/api/_routes")


class Claim(NamedTuple):
    """A module owns something; two claims of one kind meet when their keys are equal."""

    kind: str
    key: str
    shown: str
    owner: str
    place: Place


def claims(module: Module) -> Iterator[Claim]:
    """Yield everything that a module owns; what could not be read is nobody's."""
    return (claim for claim in _claims(module) if claim.key)


def _claims(module: Module) -> Iterator[Claim]:
    def claim(kind: str, key: str, place: Place, shown: str = "") -> Claim:
        return Claim(kind, key, shown or key, module.name, place)

    folded = module.name.replace("-", "_")
    yield claim("module name", folded, module.place.at("name"), module.name)
    yield claim("Python package", module.package, module.place.at("package"))
    for part in _mounted(module):
        yield claim("API prefix", part.prefix, part.place.at("prefix"))
    for route in module.routes:
        yield claim("front-end route", _shape(route.path), route.place.at("path"), route.path)
        yield claim("route name", route.name, route.place.at("name"))
    for job in module.jobs:
        yield claim("job", job.name, job.place.at("name"))


def refuse_overlap(modules: Iterable[Module], problems: Problems) -> None:
    """Note everything that has two owners, or that belongs to the host (XT0304)."""
    owners: dict[tuple[str, str], Claim] = {}
    for module in modules:
        mine: set[tuple[str, str]] = set()
        for claim in claims(module):
            name = (claim.kind, claim.key)
            first = owners.setdefault(name, claim)
            if first is not claim and not (claim.kind == "API prefix" and name in mine):
                _overlap(first, claim, problems)
            mine.add(name)
            _refuse_reserved(claim, problems)
    _refuse_swallowed(modules, problems)


def _overlap(first: Claim, second: Claim, problems: Problems) -> None:
    both = f"`{first.owner}` and `{second.owner}` both claim the {second.kind} `{second.shown}`"
    twice = f"`{first.owner}` claims the {second.kind} `{second.shown}` twice"
    problems.add(
        "XT0304",
        twice if first.owner == second.owner else both,
        second.place,
        f"claimed again by `{second.owner}`",
        others=[(first.place, f"claimed first by `{first.owner}`")],
        notes=[] if first.shown == second.shown else [f"`{first.shown}` is the same {first.kind}"],
        help=f"give one of them another {second.kind}",
    )


def _refuse_reserved(claim: Claim, problems: Problems) -> None:
    if claim.kind not in {"API prefix", "front-end route"}:
        return
    for path in RESERVED:
        if claim.key == path or claim.key.startswith(f"{path}/"):
            problems.add(
                "XT0304",
                f"`{claim.owner}` claims `{claim.shown}`, which the host serves itself",
                claim.place,
                help=f"give it another {claim.kind}",
            )


def _refuse_swallowed(modules: Iterable[Module], problems: Problems) -> None:
    """Note prefixes below an ASGI application of another module, and pages at or below any.

    They would never be reached.
    """
    apps = {app.prefix: (module, app) for module in modules for app in module.apps}
    for prefix, (module, mounted) in apps.items():
        for path in RESERVED:
            if prefix and path.startswith(f"{prefix}/"):
                problems.add(
                    "XT0304",
                    f"the application of `{module.name}` would own `{path}`, "
                    "which the host serves itself",
                    mounted.place.at("prefix"),
                    help="mount it deeper, such as under `/api/shop`",
                )
    for module in modules:
        places = [(part.prefix, part.place.at("prefix"), False) for part in _mounted(module)]
        places += [(route.path, route.place.at("path"), True) for route in module.routes]
        for path, place, is_page in places:
            steps = path.split("/")
            for end in range(2, len(steps) + is_page):
                owner, app = apps.get("/".join(steps[:end]), (None, None))
                if owner and app and (is_page or owner.name != module.name):
                    problems.add(
                        "XT0304",
                        f"`{path}` of `{module.name}` is inside of `{app.prefix}`, "
                        f"which the application of `{owner.name}` owns whole",
                        place,
                        others=[(app.place.at("prefix"), f"mounted by `{owner.name}`")],
                        help="move one of the two",
                    )


class _Mounted(NamedTuple):
    prefix: str
    place: Place


def _mounted(module: Module) -> list[_Mounted]:
    parts: tuple[Router | App, ...] = (*module.routers, *module.apps)
    return [_Mounted(part.prefix, part.place) for part in parts]


def _shape(path: str) -> str:
    """Return a route path with its parameters unnamed: `/a/:x` and `/a/:y` are one route."""
    return "/".join(":" if part.startswith(":") else part for part in path.split("/"))
