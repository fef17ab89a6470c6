"""The shape of the generated registry, as the host reads it.

The generated file defines its own classes with these fields, so that importing it imports no
module. These are for type checkers, and for tests that write a registry by hand.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Loader = Callable[[], Any]
"""Imports the module's object when called, and returns it."""

Value = str | int | float | bool | None | tuple["Value", ...] | Mapping[str, "Value"]
"""What a setting can hold; in the registry arrays are tuples."""


@dataclass(frozen=True)
class Router:
    """A FastAPI router and where it is included."""

    prefix: str
    load: Loader


@dataclass(frozen=True)
class App:
    """An ASGI application and where it is mounted."""

    prefix: str
    load: Loader


@dataclass(frozen=True)
class Endpoint:
    """A function that answers one method on one path; `permissions` are all needed."""

    method: str
    path: str
    load: Loader
    permissions: tuple[str, ...] = ()


@dataclass(frozen=True)
class Page:
    """A front-end page; `path` may hold parameters such as `/articles/:id`."""

    name: str
    path: str
    entry: str
    title: str
    permissions: tuple[str, ...] = ()


@dataclass(frozen=True)
class Link:
    """An entry of the navigation, which leads to the page named `page`, or to the one at `path`.

    With neither it only groups those whose `parent`, a label or a path, it is.
    """

    label: str
    page: str = ""
    order: int = 100
    permission: str | None = None
    path: str = ""
    parent: str = ""
    menu: str = "main"
    icon: str = ""
    hidden: bool = False


@dataclass(frozen=True)
class Permission:
    """A right that a module asks for by name."""

    name: str
    description: str


@dataclass(frozen=True)
class Setting:
    """A declared setting; `type` is string, integer, number, boolean, array or object.

    `environment` is the variable that overrides it, `pattern` is what a whole string must match.
    The bounds are of a number, and of the size of a string or an array.
    """

    key: str
    type: str
    default: Value = None
    required: bool = False
    secret: bool = False
    description: str = ""
    environment: str = ""
    minimum: float | None = None
    maximum: float | None = None
    options: tuple[Value, ...] = ()
    pattern: str = ""


@dataclass(frozen=True)
class Job:
    """A function that runs whenever the five-field cron `schedule` matches, in UTC.

    `timeout` is in seconds; `retries` says how often it runs again when it fails.
    """

    name: str
    schedule: str
    load: Loader
    timeout: float | None = None
    retries: int = 0


@dataclass(frozen=True)
class Hook:
    """A function that runs when `event` is published; lower `order` runs first."""

    event: str
    order: int
    load: Loader


@dataclass(frozen=True)
class Migration:
    """Files in the module's package: SQL that makes one step of the schema, and that undoes it."""

    up: str
    down: str


@dataclass(frozen=True)
class Module:
    """Everything that one module brings; modules in `overrides` answer after it."""

    name: str
    version: str
    package: str
    description: str = ""
    dialect: str = "native"
    requires: tuple[str, ...] = ()
    overrides: tuple[str, ...] = ()
    routers: tuple[Router, ...] = ()
    apps: tuple[App, ...] = ()
    endpoints: tuple[Endpoint, ...] = ()
    pages: tuple[Page, ...] = ()
    navigation: tuple[Link, ...] = ()
    permissions: tuple[Permission, ...] = ()
    settings: tuple[Setting, ...] = ()
    values: Mapping[str, Value] = field(default_factory=dict)
    jobs: tuple[Job, ...] = ()
    hooks: tuple[Hook, ...] = ()
    emits: tuple[str, ...] = ()
    migrations: tuple[Migration, ...] = ()
    assets: str | None = None
    health: str | None = None


@dataclass(frozen=True)
class Registry:
    """The product: its name and its modules in dependency order."""

    APP: str
    MODULES: tuple[Module, ...]
