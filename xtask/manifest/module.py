"""The normal form of one module's manifest, whatever dialect it was written in.

Every part carries the place that it was read from, so that a conflict can show both parties.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping
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


class Endpoint(NamedTuple):
    """One function that answers one method on one path, such as `GET /api/v1/modules/x/vms`.

    `path` is whole, parameters in braces as OpenAPI has them: `/vms/{id}`.
    """

    method: str
    path: str
    target: EntryPoint
    permissions: tuple[str, ...]
    place: Place


class Operation(NamedTuple):
    """A method on a whole path that the code of a router was seen to answer (OpenAPI's word).

    Its parameters may have Starlette's convertors: `/files/{name:path}`.
    """

    method: str
    path: str
    place: Place


class Route(NamedTuple):
    """A front-end page: path with `:parameters`, and the file in the assets that draws it.

    `permissions` are needed to see it, all of them.
    """

    name: str
    path: str
    entry: str
    title: str
    place: Place
    permissions: tuple[str, ...] = ()

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names after the colons, in order."""
        return tuple(part[1:] for part in self.path.split("/") if part.startswith(":"))


class Navigation(NamedTuple):
    """A link in the product's navigation: to a route by its name, or to the path of one.

    A link with neither only groups those whose `parent` it is. A parent is named by its label or
    by its path, and may be another module's. `menu` is the menu that it hangs in.
    """

    label: str
    route: str
    order: int
    permission: str | None
    place: Place
    path: str = ""
    parent: str = ""
    menu: str = "main"
    icon: str = ""
    hidden: bool = False


class Permission(NamedTuple):
    """A right that the module checks."""

    name: str
    description: str
    place: Place


class Shape(NamedTuple):
    """What a value has to be, one inside an array or an object too.

    `type` is string, integer, number, boolean, array or object, and anything else for every value.
    The bounds are of a number, of the characters of a string and of the entries of an array.
    `pattern` is a regular expression that a whole string has to match. An object has no keys but
    `keys` when there are some, and an array has an `item` at each place.
    """

    type: str
    minimum: float | None = None
    maximum: float | None = None
    options: tuple[Scalar, ...] = ()
    pattern: str = ""
    keys: tuple[str, ...] = ()
    properties: Mapping[str, Shape] = {}
    item: Shape | None = None


class Setting(NamedTuple):
    """A typed setting of the module: what its value has to be, as a `Shape` says it, and more."""

    key: str
    type: str
    default: Any
    required: bool
    description: str
    minimum: float | None
    maximum: float | None
    options: tuple[Scalar, ...]
    secret: bool
    place: Place
    pattern: str = ""
    keys: tuple[str, ...] = ()
    properties: Mapping[str, Shape] = {}
    item: Shape | None = None


class Job(NamedTuple):
    """Something to run at the times of a cron schedule of five fields; without one, when asked.

    `timeout` is in seconds, None for no limit; `retries` how often it is run again after a failure.
    """

    name: str
    target: EntryPoint
    schedule: str
    place: Place
    timeout: float | None = None
    retries: int = 0


class Hook(NamedTuple):
    """Something to call when an event is published; low order first."""

    event: str
    target: EntryPoint
    order: int
    place: Place


class Event(NamedTuple):
    """An event that the module publishes."""

    name: str
    place: Place


class Migration(NamedTuple):
    """One step of the database: files in the package that make it and that undo it.

    `declared` is the class that the manifest says it has, empty when its SQL has to say so.
    """

    up: str
    down: str
    declared: str = ""


class DatabaseTable(NamedTuple):
    """A table of the database that the module's code or migrations were seen to define."""

    name: str
    place: Place


class Program(NamedTuple):
    """A program that the module starts, such as `wkhtmltopdf`."""

    name: str
    place: Place


class FrontEndDependency(NamedTuple):
    """An npm package that the module's front end imports, and the range that it accepts."""

    name: str
    range: str
    place: Place


class Stated(NamedTuple):
    """Something that a manifest says of the whole module, with its place."""

    text: str
    place: Place


class Expected(NamedTuple):
    """What a manifest expects of its module's line in `modules.toml`: a key and its value there."""

    key: str
    value: str | bool
    place: Place


class Dependency(NamedTuple):
    """A third-party Python requirement (PEP 508) as the module wrote it."""

    text: str
    place: Place


@dataclass(frozen=True, slots=True)
class Module:
    """One module; `root` is the folder of its source, None when it comes as a published wheel.

    `package` is the dotted name that its code is imported under. `is_package` says that `root`
    itself is that package, so that xtask writes the Python project for it; otherwise the folder
    is a project of its own, whose name is `distribution` (None for a module without code).
    """

    name: str
    version: str | None
    description: str
    license: str | None
    package: str
    dialect: str
    place: Place
    named: Place | None = None
    """Where its name is from, when that is not the key `name`: another key, or its folder."""
    root: Path | None = None
    is_package: bool = False
    distribution: str | None = None
    distributed: Place | None = None
    """Where its distribution is named; None when xtask names it."""
    host: EntryPoint | None = None
    migrate: EntryPoint | None = None
    """What the host's program calls when it is run to migrate the database."""
    requires: tuple[Requirement, ...] = ()
    conflicts: tuple[Requirement, ...] = ()
    """Modules that may not be in one product with it; an empty range means every version."""
    companions: tuple[Requirement, ...] = ()
    """Modules that have to be in the product too, in any order (RusToK's co-requisites)."""
    auto_enabled_by: tuple[str, ...] | None = None
    """Modules that bring this one into the product when all of them are in it; None for none."""
    disabled: Stated | None = None
    """Why the manifest itself says that the module is not to be used."""
    foreign: Stated | None = None
    """Why the module can be checked and resolved, and cannot be built into a Python image."""
    expects: tuple[Expected, ...] = ()
    app_range: Stated | None = None
    """Versions of the application that it works with (a range)."""
    routers: tuple[Router, ...] = ()
    apps: tuple[App, ...] = ()
    endpoints: tuple[Endpoint, ...] = ()
    operations: tuple[Operation, ...] = ()
    routes: tuple[Route, ...] = ()
    navigation: tuple[Navigation, ...] = ()
    permissions: tuple[Permission, ...] = ()
    settings: tuple[Setting, ...] = ()
    jobs: tuple[Job, ...] = ()
    hooks: tuple[Hook, ...] = ()
    emits: tuple[Event, ...] = ()
    migrations: tuple[Migration, ...] = ()
    tables: tuple[DatabaseTable, ...] = ()
    table_prefix: Stated | None = None
    overrides: tuple[str, ...] = ()
    """Modules whose API operations it may replace (FastVue's router overrides)."""
    assets: str | None = None
    health: str | None = None
    programs: tuple[Program, ...] = ()
    front_end_dependencies: tuple[FrontEndDependency, ...] = ()
    node: Stated | None = None
    """The versions of Node.js that its front end's tools run on (a range of npm's)."""
    dependencies: tuple[Dependency, ...] = ()
    build_requires: tuple[str, ...] = ()
    build_back_end: str = ""
    runtime_folders: tuple[str, ...] = ()
    """Folders at its top that hold data of a running product and are never part of it."""
