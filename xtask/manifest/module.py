"""The normal form of one module's manifest, whatever dialect it was written in.

Every part carries the place that it was read from, so that a conflict can show both parties.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

    from xtask.diagnostics import Place
    from xtask.manifest.table import Scalar


class EntryPoint(NamedTuple):
    """Something to import: `package.module:attribute`."""

    module: str
    attribute: str

    def __str__(self) -> str:
        return f"{self.module}:{self.attribute}"


class Requirement(NamedTuple):
    """Another module that this one needs, and in which versions (a range as it was written)."""

    module: str
    range: str
    place: Place


class Router(NamedTuple):
    """A FastAPI router under a prefix such as `/api/content`."""

    prefix: str
    target: EntryPoint
    place: Place


class App(NamedTuple):
    """An ASGI application that owns everything under its prefix; a factory is called to get it."""

    prefix: str
    target: EntryPoint
    factory: bool
    place: Place


class Route(NamedTuple):
    """A front-end page: path with `:parameters`, and the ES module in the assets that draws it."""

    name: str
    path: str
    entry: str
    title: str
    place: Place

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names after the colons, in order."""
        return tuple(part[1:] for part in self.path.split("/") if part.startswith(":"))


class Navigation(NamedTuple):
    """A link to a route in the product's navigation."""

    label: str
    route: str
    order: int
    permission: str | None
    place: Place


class Permission(NamedTuple):
    """A right that the module checks."""

    name: str
    description: str
    place: Place


class Setting(NamedTuple):
    """A typed setting of the module; `type` is string, integer, number or boolean."""

    key: str
    type: str
    default: Scalar | None
    required: bool
    description: str
    minimum: float | None
    maximum: float | None
    options: tuple[Scalar, ...]
    secret: bool
    place: Place


class Job(NamedTuple):
    """Something to run at the times of a five-field cron schedule."""

    name: str
    target: EntryPoint
    schedule: str
    place: Place


class Hook(NamedTuple):
    """Something to call when an event is published; low order first."""

    event: str
    target: EntryPoint
    order: int
    place: Place


class Dependency(NamedTuple):
    """A third-party Python requirement (PEP 508) as the module wrote it."""

    text: str
    place: Place


@dataclass(frozen=True, slots=True)
class Module:
    """One module; `root` is the folder of its source, None when it comes as a published wheel.

    `distribution` is the name of its Python project, None for a module without code.
    """

    name: str
    version: str | None
    description: str
    license: str | None
    package: str
    dialect: str
    place: Place
    root: Path | None = None
    distribution: str | None = None
    host: EntryPoint | None = None
    requires: tuple[Requirement, ...] = ()
    routers: tuple[Router, ...] = ()
    apps: tuple[App, ...] = ()
    routes: tuple[Route, ...] = ()
    navigation: tuple[Navigation, ...] = ()
    permissions: tuple[Permission, ...] = ()
    settings: tuple[Setting, ...] = ()
    jobs: tuple[Job, ...] = ()
    hooks: tuple[Hook, ...] = ()
    migrations: tuple[str, ...] = ()
    assets: str | None = None
    health: str | None = None
    dependencies: tuple[Dependency, ...] = ()
    build_requires: tuple[str, ...] = ()
    build_back_end: str = ""
