"""`modules.toml`: what is in the product, with the place of every statement.

RusToK's own files are read too: schema 1 with `crate` in its entries, and schema 2.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from xtask.diagnostics import Place, Problems, Source, did_you_mean, listed
from xtask.manifest import grammar
from xtask.manifest.entries import Entry, inside, read_entries
from xtask.manifest.environments import Environment, read_environments
from xtask.manifest.notation.toml import read_toml
from xtask.manifest.secrets import Allowed, read_allowed
from xtask.manifest.setting import read_values
from xtask.manifest.surfaces import read_surfaces
from xtask.manifest.table import Table, shortened
from xtask.redaction import redacted

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from xtask.manifest.setting import Value

SCHEMA = 1
RUSTOK_SCHEMA = 2
INTERPRETER = "interpreter"
"""The base that is this machine's own Python."""

PROFILES = ("release", "debug")
COMPRESSIONS = ("none", "gzip")
# `user:password@` before a host; a digest comes after an `@`, too.
_USERINFO = re.compile(r"(?!oci:)[^/@]*:[^/]*@(?!sha256:)")
_LAYOUT_WITH_DIGEST = re.compile("oci:[^@]*@")
_PORT = re.compile(r"(?!oci:)[^/:]*:([0-9]{1,5})/")
DEPLOYMENT_PROFILES = ("monolith", "headless")
PLATFORMS = {
    "linux/amd64": "linux/amd64",
    "linux/arm64": "linux/arm64",
    "x86_64-unknown-linux-gnu": "linux/amd64",
    "aarch64-unknown-linux-gnu": "linux/arm64",
}


@dataclass(frozen=True, slots=True)
class Registry:
    """A list of modules; `index` is a file of the workspace or an HTTPS address."""

    name: str
    index: str
    place: Place


@dataclass(frozen=True, slots=True)
class Composition:
    """What `modules.toml` says."""

    app: str
    app_version: str | None
    platforms: tuple[str, ...]
    """One image for each of them; by name, so that their order is no input."""
    profile: str
    deployment_profile: str
    base: str
    compression: str
    repository: str
    entries: Mapping[str, Entry]
    registries: Mapping[str, Registry]
    search: tuple[str, ...]
    """Folders that hold modules, in the order in which they are looked at."""
    allow_shadowed: frozenset[str]
    """Modules that may be in more than one of them: the first one counts."""
    default_enabled: tuple[tuple[str, Place], ...] | None
    settings: Mapping[str, Mapping[str, Value]]
    environments: Mapping[str, Environment]
    allowed_secrets: tuple[Allowed, ...]
    place: Place


def read_composition(path: Path, problems: Problems) -> Composition | None:
    """Read `modules.toml`; everything wrong with it goes to `problems`.

    Returns:
        The composition, or None when there is too little of it to go on.
    """
    if not path.exists():
        problems.add(
            "XT0101",
            f"there is no `{path.name}` here",
            Place(Source(path.name)),
            help='begin one with `schema = 1` and `app = "shop"`, or say where: `--workspace`',
        )
        return None
    read = read_toml(path, path.name, problems)
    if read is None:
        return None
    source, values = read
    place = Place(source)
    if not _is_ours(values, place, problems):
        return None
    return _composition(Table(values, place, problems, f"`{path.name}`"))


def _composition(table: Table) -> Composition:
    are_crates = table.integer("schema", default=SCHEMA) == RUSTOK_SCHEMA
    app = table.text("app", grammar=grammar.NAME)
    build, image, settings = table.table("build"), table.table("image"), table.table("settings")
    search = table.table("search")
    registries = _registries(table.table("registries"))
    entries = read_entries(table.table("modules"), registries, are_crates=are_crates)
    composition = Composition(
        app=app,
        app_version=_app_version(table),
        platforms=_platforms(build),
        profile=build.choice("profile", PROFILES, default="release"),
        deployment_profile=build.choice(
            "deployment_profile",
            DEPLOYMENT_PROFILES,
            default=read_surfaces(build) or "monolith",
        ),
        base=_image(image, "base", INTERPRETER, grammar.BASE),
        compression=image.choice("compression", COMPRESSIONS, default="none"),
        repository=_image(image, "repository", f"localhost/{app or 'app'}", grammar.REPOSITORY),
        entries=entries,
        registries=registries,
        search=_search_paths(search),
        allow_shadowed=_allow_shadowed(search, entries),
        default_enabled=_default_enabled(settings),
        settings=read_values(settings.table("modules")),
        environments=read_environments(table.table("environments")),
        allowed_secrets=read_allowed(table.table("secrets")),
        place=table.place,
    )
    for part in (build, image, settings, search, table):
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
    elif schema not in (SCHEMA, RUSTOK_SCHEMA) or isinstance(schema, bool):
        problems.add(
            "XT0106",
            f"schema {schema!r} is not known to this version of xtask",
            place.at("schema"),
            help=f"this version reads `schema = {SCHEMA}`, and RusToK's {RUSTOK_SCHEMA}",
        )
    else:
        return True
    return False


def _platforms(build: Table) -> tuple[str, ...]:
    """Return the platforms of `target`, one or a list of them, each once."""
    if build.kind("target") is not list:
        target = build.choice("target", PLATFORMS, default="linux/amd64")
        return (PLATFORMS.get(target, target),)
    found: list[str] = []
    for index, target in enumerate(build.texts("target")):
        if target not in PLATFORMS:
            build.wrong(
                "XT0204",
                f"`{shortened(target)}` is not a value of `target`",
                "target",
                index,
                help=did_you_mean(target, PLATFORMS)
                or f"its values are {listed(sorted(PLATFORMS))}",
            )
        elif PLATFORMS[target] in found:
            message = f"`{PLATFORMS[target]}` is named twice"
            build.wrong("XT0204", message, "target", index, help="name each platform once")
        else:
            found.append(PLATFORMS[target])
    if not found and "target" in build:
        build.wrong("XT0204", "`target` names no platform", "target", help='`["linux/amd64"]`')
    return tuple(sorted(found)) or ("linux/amd64",)


def _image(table: Table, key: str, default: str, chosen: grammar.Grammar) -> str:
    """Return the name of an image; who may fetch or push it is nothing for a committed file."""
    if _USERINFO.match(name := table.text(key, default=default)):
        table.wrong(
            "XT0205",
            f"`{shortened(redacted(name))}` seems to have a user and a password in it",
            key,
            help="credentials belong in `docker login REGISTRY`, and never in a file that is "
            "committed; here: " + chosen.rule,
        )
        return ""
    if chosen is grammar.BASE and _LAYOUT_WITH_DIGEST.match(name):
        table.wrong(
            "XT0205",
            f"`{shortened(name)}` is an image layout with a digest, which is for `modules.lock` "
            "to keep",
            key,
            help="write `oci:path/to/layout`, or `oci:path/to/layout:name` of several images",
        )
        return ""
    if (port := _PORT.match(name)) and int(port[1]) not in grammar.PORTS:
        hint = f"a number from {grammar.PORTS[0]} to {grammar.PORTS[-1]}"
        table.wrong("XT0205", f"{port[1]} is not a port", key, help=hint)
        return ""
    return table.checked(name, key, chosen) if table.kind(key) is str else name


def _app_version(table: Table) -> str | None:
    version = table.optional_text("app_version")
    if version is None:
        return None
    return table.checked(version, "app_version", grammar.VERSION, "XT0206") or None


def _registries(table: Table) -> dict[str, Registry]:
    found = {}
    for name, keys in table.items():
        table.require_key(name, grammar.NAME)
        index = keys.text("index")
        if "://" in index:
            index = keys.checked(index, "index", grammar.DOWNLOAD)
        else:
            index = inside(keys, "index", index)
        found[name] = Registry(name, index, keys.place)
        keys.done()
    return found


def _search_paths(table: Table) -> tuple[str, ...]:
    found = []
    for index, path in enumerate(table.texts("paths")):
        kept = inside(table, "paths", path, index).rstrip("/")
        if kept in found:
            message = f"`{shortened(path)}` is named twice"
            table.wrong("XT0204", message, "paths", index, help="name each folder once")
        elif kept:
            found.append(kept)
    return tuple(found)


def _allow_shadowed(table: Table, entries: Mapping[str, Entry]) -> frozenset[str]:
    names = table.texts("allow_shadowed")
    for index, name in enumerate(names):
        if name not in entries:
            table.wrong(
                "XT0306",
                f"`{shortened(name)}` is not in `[modules]`",
                "allow_shadowed",
                index,
                help=did_you_mean(name, entries) or "remove it, or add the module",
            )
    return frozenset(names)


def _default_enabled(settings: Table) -> tuple[tuple[str, Place], ...] | None:
    if "default_enabled" not in settings:
        settings.texts("default_enabled")
        return None
    place = settings.place.at("default_enabled")
    found: dict[str, Place] = {}
    for index, name in enumerate(settings.texts("default_enabled")):
        if found.setdefault(name, here := place.at(index)) is not here:
            message = f"`{shortened(name)}` is named twice"
            settings.problems.add("XT0204", message, here, help="name each module once")
    return tuple(found.items())
