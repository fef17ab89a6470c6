"""`modules.toml`: what is in the product, with the place of every statement."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from xtask.diagnostics import Place, Problems
from xtask.manifest.table import Scalar, Table
from xtask.manifest.toml import read_toml

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

NAME = re.compile(r"[a-z][a-z0-9]*([-_][a-z0-9]+)*")
NAME_MEANING = "a name: lower-case letters, digits, `-` and `_`, starting with a letter"
_COMMIT = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
_PACKAGE = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")
_REPOSITORY = re.compile(r"[a-z0-9][a-z0-9.:-]*(/[a-z0-9]+([._-]+[a-z0-9]+)*)+")

SCHEMA = 1
BASES = ("interpreter",)
PROFILES = ("release", "debug")
DEPLOYMENT_PROFILES = ("monolith", "headless")
TARGETS = ("record", "docker")
PLATFORMS = {
    "linux/amd64": "linux/amd64",
    "linux/arm64": "linux/arm64",
    "x86_64-unknown-linux-gnu": "linux/amd64",
    "aarch64-unknown-linux-gnu": "linux/arm64",
}
_FIRST_PORT = 8080


class PathSource(NamedTuple):
    """A folder in the workspace."""

    path: str


class GitSource(NamedTuple):
    """One commit of a repository; `path` is the module's folder in it."""

    url: str
    rev: str
    path: str


class IndexSource(NamedTuple):
    """A published wheel; `manifest` is a file of the workspace, None when it is in the wheel."""

    package: str
    version: str
    manifest: str | None


ModuleSource = PathSource | GitSource | IndexSource


class Entry(NamedTuple):
    """One line of `[modules]`."""

    name: str
    source: ModuleSource
    required: bool
    depends_on: tuple[str, ...]
    place: Place


class Value(NamedTuple):
    """A setting's value with its place."""

    value: Scalar
    place: Place


class Environment(NamedTuple):
    """Where releases run: `rank` orders environments, `port` is its stable loopback port."""

    name: str
    rank: int
    target: str
    port: int
    requires: tuple[str, ...]
    place: Place


@dataclass(frozen=True, slots=True)
class Composition:
    """What `modules.toml` says."""

    app: str
    platform: str
    profile: str
    deployment_profile: str
    base: str
    repository: str
    entries: Mapping[str, Entry]
    default_enabled: tuple[tuple[str, Place], ...] | None
    settings: Mapping[str, Mapping[str, Value]]
    environments: Mapping[str, Environment]
    place: Place


def read_composition(path: Path, problems: Problems) -> Composition | None:
    """Read `modules.toml`; everything wrong with it goes to `problems`.

    Returns:
        The composition, or None when there is too little of it to go on.
    """
    read = read_toml(path, path.name, problems)
    if read is None:
        return None
    source, values = read
    place = Place(source)
    if not _is_ours(values, place, problems):
        return None
    table = Table(values, place, problems, f"`{path.name}`")
    table.integer("schema", default=SCHEMA)
    app = table.text("app", grammar=NAME, meaning=NAME_MEANING)
    build, image, settings = table.table("build"), table.table("image"), table.table("settings")
    target = build.choice("target", PLATFORMS, default="linux/amd64")
    composition = Composition(
        app=app,
        platform=PLATFORMS.get(target, target),
        profile=build.choice("profile", PROFILES, default="release"),
        deployment_profile=build.choice(
            "deployment_profile", DEPLOYMENT_PROFILES, default="monolith"
        ),
        base=image.choice("base", BASES, default="interpreter"),
        repository=image.text(
            "repository",
            default=f"localhost/{app or 'app'}",
            grammar=_REPOSITORY,
            meaning="an image repository such as `registry.example/shop/storefront`",
        ),
        entries={name: _entry(name, entry) for name, entry in table.table("modules").items()},
        default_enabled=_default_enabled(settings),
        settings=_settings(settings.table("modules")),
        environments=_environments(table.table("environments")),
        place=place,
    )
    for part in (build, image, settings, table):
        part.done()
    return composition


def _is_ours(values: Mapping[str, object], place: Place, problems: Problems) -> bool:
    schema = values.get("schema")
    if schema is None:
        problems.add(
            "XT0105",
            "this is not a composition of ours: it has no `schema`",
            place,
            help=f'a composition starts with `schema = {SCHEMA}` and `app = "name"`',
        )
    elif schema != SCHEMA or isinstance(schema, bool):
        problems.add(
            "XT0106",
            f"schema {schema!r} is not known to this version of xtask",
            place.at("schema"),
            help=f"this version reads `schema = {SCHEMA}`",
        )
    else:
        return True
    return False


def _entry(name: str, table: Table) -> Entry:
    if not NAME.fullmatch(name):
        table.problems.add(
            "XT0205", f"`{name}` is not {NAME_MEANING}", table.place._replace(part="key")
        )
    kind = table.choice("source", tuple(_SOURCES), default="path")
    entry = Entry(
        name=name,
        source=_SOURCES.get(kind, _path_source)(table),
        required=table.boolean("required"),
        depends_on=table.texts("depends_on"),
        place=table.place,
    )
    table.done()
    return entry


def _path_source(table: Table) -> PathSource:
    return PathSource(_inside(table, "path", table.text("path")))


def _git_source(table: Table) -> GitSource:
    return GitSource(
        url=table.text("git"),
        rev=table.text("rev", grammar=_COMMIT, meaning="a full commit id (40 hex digits)"),
        path=_inside(table, "path", table.text("path", default=".")),
    )


def _index_source(table: Table) -> IndexSource:
    manifest = table.optional_text("manifest")
    return IndexSource(
        package=table.text(
            "package", grammar=_PACKAGE, meaning="a name of the Python package index"
        ),
        version=table.text("version", default=""),
        manifest=None if manifest is None else _inside(table, "manifest", manifest),
    )


_SOURCES: dict[str, Callable[[Table], ModuleSource]] = {
    "path": _path_source,
    "git": _git_source,
    "index": _index_source,
}


def _inside(table: Table, key: str, path: str) -> str:
    """Return a relative path that stays in its folder, or nothing (XT0107)."""
    if path.startswith("/") or "\\" in path or "\0" in path or ".." in path.split("/"):
        table.wrong(
            "XT0107",
            f"`{path}` leaves the workspace",
            key,
            help="write a path below the folder of `modules.toml`, with `/`",
        )
        return ""
    return path


def _default_enabled(settings: Table) -> tuple[tuple[str, Place], ...] | None:
    if "default_enabled" not in settings:
        settings.texts("default_enabled")
        return None
    place = settings.place.at("default_enabled")
    return tuple(
        (name, place.at(index)) for index, name in enumerate(settings.texts("default_enabled"))
    )


def _settings(table: Table) -> dict[str, dict[str, Value]]:
    found: dict[str, dict[str, Value]] = {}
    for name, keys in table.items():
        values = {key: keys.scalar(key) for key in keys.keys()}  # noqa: SIM118 - not a dict
        found[name] = {
            key: Value(value, keys.place.at(key))
            for key, value in values.items()
            if value is not None
        }
    return found


def _environments(table: Table) -> dict[str, Environment]:
    found: dict[str, Environment] = {}
    for name, keys in table.items():
        if not NAME.fullmatch(name):
            table.problems.add("XT0205", f"`{name}` is not {NAME_MEANING}", keys.place)
        rank = keys.integer("rank", default=len(found) + 1)
        found[name] = Environment(
            name=name,
            rank=rank,
            target=keys.choice("target", TARGETS, default="record"),
            port=keys.integer("port", default=_FIRST_PORT + rank),
            requires=keys.texts("requires"),
            place=keys.place,
        )
        _check_environment(found[name], keys)
        keys.done()
    for environment in found.values():
        for index, name in enumerate(environment.requires):
            if name not in found:
                table.problems.add(
                    "XT0204",
                    f"there is no environment `{name}`",
                    environment.place.at("requires", index),
                )
    return found


def _check_environment(environment: Environment, keys: Table) -> None:
    if not 1 <= environment.port <= 65535:  # noqa: PLR2004 - TCP ports have 16 bits
        keys.wrong("XT0204", f"{environment.port} is not a port", "port")
