"""`modules.toml`: what is in the product, with the place of every statement."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from xtask.diagnostics import Place, Problems, did_you_mean
from xtask.manifest import grammar
from xtask.manifest.notation.toml import read_toml
from xtask.manifest.table import Scalar, Table, shortened

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

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
# What `run` starts is labelled as an environment of this name.
TRIAL = "trial"
_PATH_HELP = "write a path below the folder of `modules.toml`, with `/`"


class PathSource(NamedTuple):
    """A folder in the workspace."""

    path: str

    @property
    def kind(self) -> str:
        """The word for it in `modules.toml`."""
        return "path"


class GitSource(NamedTuple):
    """One commit of a repository; `path` is the module's folder in it."""

    url: str
    rev: str
    path: str

    @property
    def kind(self) -> str:
        """The word for it in `modules.toml`."""
        return "git"


class IndexSource(NamedTuple):
    """A published wheel; `manifest` is a file of the workspace, None when it is in the wheel."""

    package: str
    version: str
    manifest: str | None

    @property
    def kind(self) -> str:
        """The word for it in `modules.toml`."""
        return "index"


ModuleSource = PathSource | GitSource | IndexSource
# What a source that cannot be read becomes: nobody looks for a module there.
_NOWHERE = PathSource("")


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
    """Where releases run: `rank` orders environments, `port` is its stable loopback port.

    A `portable` one refuses images whose base is of the machine that built them.
    """

    name: str
    rank: int
    target: str
    port: int
    requires: tuple[str, ...]
    portable: bool
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
    app = table.text("app", grammar=grammar.NAME)
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
            grammar=grammar.REPOSITORY,
        ),
        entries=_entries(table.table("modules")),
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


def _entries(table: Table) -> dict[str, Entry]:
    found = {}
    for name, keys in table.items():
        table.require_key(name, grammar.NAME)
        found[name] = _entry(name, keys)
    return found


def _entry(name: str, table: Table) -> Entry:
    read = _SOURCES.get(table.choice("source", tuple(_SOURCES), default="path"))
    entry = Entry(
        name=name,
        source=read(table) if read else _NOWHERE,
        required=table.boolean("required"),
        depends_on=table.texts("depends_on"),
        place=table.place,
    )
    if read:  # the keys of a source that is not known are not known either
        table.done()
    return entry


def _path_source(table: Table) -> PathSource:
    return PathSource(_inside(table, "path", table.text("path")))


def _git_source(table: Table) -> ModuleSource:
    source = GitSource(
        url=table.text("git", grammar=grammar.ADDRESS),
        rev=table.text("rev", grammar=grammar.COMMIT),
        path=_inside(table, "path", table.text("path", default=".")),
    )
    return source if all(source) else _NOWHERE


def _index_source(table: Table) -> ModuleSource:
    manifest = table.optional_text("manifest")
    source = IndexSource(
        package=table.text("package", grammar=grammar.PROJECT),
        version=table.text("version", default="", grammar=grammar.SPECIFIER),
        manifest=None if manifest is None else _inside(table, "manifest", manifest),
    )
    return source if source.package and source.manifest != "" else _NOWHERE


_SOURCES: dict[str, Callable[[Table], ModuleSource]] = {
    "path": _path_source,
    "git": _git_source,
    "index": _index_source,
}


def _inside(table: Table, key: str, path: str) -> str:
    """Return a relative path that stays in its folder, or nothing (XT0107, XT0205)."""
    if key in table and not path:
        table.wrong("XT0205", f"`{key}` is empty", key, help=_PATH_HELP)
    if len(path) > grammar.MAX_LENGTH:
        message = f"`{key}` has more than {grammar.MAX_LENGTH} characters"
        table.wrong("XT0205", message, key, help=_PATH_HELP)
        return ""
    if path.startswith("/") or "\\" in path or "\0" in path or ".." in path.split("/"):
        table.wrong(
            "XT0107",
            f"`{shortened(path)}` is not a path inside the workspace",
            key,
            help=_PATH_HELP,
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
        table.require_key(name, grammar.NAME)
        rank = keys.integer("rank", default=len(found) + 1)
        found[name] = Environment(
            name=name,
            rank=rank,
            target=keys.choice("target", TARGETS, default="record"),
            port=keys.integer("port", default=_FIRST_PORT + rank),
            requires=keys.texts("requires"),
            portable=keys.boolean("portable"),
            place=keys.place,
        )
        _check_environment(found[name], keys)
        keys.done()
    _check_ports(found, table.problems)
    for environment in found.values():
        for index in range(len(environment.requires)):
            _check_required(environment, index, found, table.problems)
    return found


def _check_required(
    environment: Environment, index: int, known: Mapping[str, Environment], problems: Problems
) -> None:
    """Note an environment that another one requires and that is not there, or not before it."""
    place, name = environment.place.at("requires", index), environment.requires[index]
    required = known.get(name)
    if required is None:
        problems.add(
            "XT0204",
            f"there is no environment `{shortened(name)}`",
            place,
            help=did_you_mean(name, known) or "name another one of `[environments]`",
        )
    elif required.rank >= environment.rank:
        problems.add(
            "XT0204",
            f"`{environment.name}` requires `{required.name}`, which is not before it",
            place,
            others=[(required.place.at("rank"), f"its rank is {required.rank}")],
            help=f"a build serves `{environment.name}` (rank {environment.rank}) after those of "
            "lower rank",
        )


def _check_ports(environments: Mapping[str, Environment], problems: Problems) -> None:
    """Note environments that would answer on one port."""
    owners: dict[int, Environment] = {}
    for environment in environments.values():
        if environment.target == "record":
            continue
        first = owners.setdefault(environment.port, environment)
        if first is not environment:
            problems.add(
                "XT0204",
                f"`{environment.name}` has the port {environment.port} of `{first.name}`",
                environment.place.at("port"),
                others=[(first.place.at("port"), f"the port of `{first.name}`")],
                help="each environment answers on a port of its own",
            )


def _check_environment(environment: Environment, keys: Table) -> None:
    if environment.name == TRIAL:
        message = f"the name `{TRIAL}` is taken: `xtask run` uses it"
        keys.problems.add("XT0204", message, keys.place, help="choose another name")
    if not 1 <= environment.port <= 65535:  # noqa: PLR2004 - TCP ports have 16 bits
        message = f"{environment.port} is not a port"
        keys.wrong("XT0204", message, "port", help="a number from 1 to 65535")
