"""The lines of `[modules]`: which modules are in the product, and where each comes from."""

from __future__ import annotations

from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from xtask.diagnostics import Place, Source, did_you_mean, listed
from xtask.manifest import cargo, grammar
from xtask.manifest.table import shortened

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

    from xtask.diagnostics import Problems
    from xtask.manifest.composition import Composition
    from xtask.manifest.table import Table

_PATH_HELP = "write a path below the folder of `modules.toml`, with `/`"
_SHA256 = grammar.Grammar(
    r"[0-9a-f]{64}",
    "a SHA-256 digest",
    "write all 64 hex digits that `sha256sum` prints",
)
_RUNTIMES = ("module", "extension")
# What RusToK's server keeps of a crate in its entry: nothing of it is in a product.
_OF_THE_SERVER = (
    *("name", "category", "tags", "icon_url", "banner_url", "screenshots", "description"),
    *("dependency_version_reqs", "conflicts_with", "ownership", "trust_level", "version"),
    *("rustok_min_version", "rustok_max_version", "ui_classification", "entry_type"),
    *("graphql_query_type", "graphql_mutation_type", "http_routes_fn", "http_webhook_routes_fn"),
    *("http_axum_router_fn", "http_axum_webhook_router_fn", "settings_schema"),
    *("recommended_admin_surfaces", "showcase_admin_surfaces"),
)


@dataclass(frozen=True, slots=True)
class PathSource:
    """A folder in the workspace."""

    kind: ClassVar = "path"
    path: str


@dataclass(frozen=True, slots=True)
class GitSource:
    """One commit of a repository; `path` is the module's folder in it."""

    kind: ClassVar = "git"
    url: str
    rev: str
    path: str


@dataclass(frozen=True, slots=True)
class IndexSource:
    """A published wheel; `manifest` is a file of the workspace, None when it is in the wheel."""

    kind: ClassVar = "index"
    package: str
    version: str
    manifest: str | None


@dataclass(frozen=True, slots=True)
class CratesSource:
    """A crate of crates.io, and the range of its versions: it can be named, and never built."""

    kind: ClassVar = "crates-io"
    package: str
    version: str


@dataclass(frozen=True, slots=True)
class RegistrySource:
    """A module that one of `[registries]` lists under a name, and the range of its versions."""

    kind: ClassVar = "registry"
    registry: str
    version: str
    module: str


@dataclass(frozen=True, slots=True)
class ArchiveSource:
    """A ZIP in the workspace, and the SHA-256 of its bytes."""

    kind: ClassVar = "archive"
    path: str
    sha256: str


@dataclass(frozen=True, slots=True)
class SearchSource:
    """A folder of this name in one of the search paths, see `search_folder`."""

    kind: ClassVar = "search"
    name: str


ModuleSource = (
    PathSource
    | GitSource
    | IndexSource
    | CratesSource
    | RegistrySource
    | ArchiveSource
    | SearchSource
)
# What a source that cannot be read becomes: nobody looks for a module there.
_NOWHERE = PathSource("")


class Entry(NamedTuple):
    """One line of `[modules]`."""

    name: str
    source: ModuleSource
    required: bool
    depends_on: tuple[str, ...]
    place: Place
    crate: str = ""
    """The name of its crate in RusToK's own form, and how it runs; nothing in ours."""
    runtime: str = ""


def read_entries(
    table: Table, registries: Collection[str], *, are_crates: bool = False
) -> dict[str, Entry]:
    """Return `[modules]` by name; what is wrong with it goes to the table's problems.

    Args:
        table: the whole of it.
        registries: the names of `[registries]`.
        are_crates: every entry has to name its crate, as in RusToK's schema 2.
    """
    found = {}
    for name, keys in table.items():
        table.require_key(name, grammar.NAME)
        found[name] = _entry(name, keys, registries, are_crates=are_crates)
    return found


def _entry(name: str, table: Table, registries: Collection[str], *, are_crates: bool) -> Entry:
    read = _SOURCES.get(table.choice("source", tuple(_SOURCES), default="path"))
    entry = Entry(
        name=name,
        source=read(table, name) if read else _NOWHERE,
        required=table.boolean("required"),
        depends_on=table.texts("depends_on"),
        place=table.place,
    )
    if are_crates or "crate" in table:
        if read is not _crates_source:
            entry = entry._replace(crate=table.text("crate", grammar=grammar.PROJECT))
        entry = entry._replace(runtime=table.choice("runtime", _RUNTIMES, default="module"))
        table.texts("features")
        table.ignore(*_OF_THE_SERVER)
    if isinstance(entry.source, RegistrySource) and entry.source.registry not in registries:
        table.wrong(
            "XT0204",
            f"there is no registry `{shortened(entry.source.registry)}`",
            "registry",
            help=did_you_mean(entry.source.registry, registries)
            or f"say where it is: `[registries.{entry.source.registry}]` with `index = …`",
        )
    if read:  # the keys of a source that is not known are not known either
        table.done()
    return entry


def _path_source(table: Table, _name: str) -> ModuleSource:
    return PathSource(inside(table, "path", table.text("path")))


def _git_source(table: Table, _name: str) -> ModuleSource:
    return _complete(
        GitSource(
            url=table.text("git", grammar=grammar.ADDRESS),
            rev=table.text("rev", grammar=grammar.COMMIT),
            path=inside(table, "path", table.text("path", default=".")),
        )
    )


def _index_source(table: Table, _name: str) -> ModuleSource:
    manifest = table.optional_text("manifest")
    source = IndexSource(
        package=table.text("package", grammar=grammar.PROJECT),
        version=table.text("version", default="", grammar=grammar.SPECIFIER),
        manifest=None if manifest is None else inside(table, "manifest", manifest),
    )
    return source if source.package and source.manifest != "" else _NOWHERE


def _crates_source(table: Table, _name: str) -> ModuleSource:
    written = table.text("version", default="*")
    version = cargo.requirement(written)
    if version is None:
        message = f"`{shortened(written)}` is not a version requirement of Cargo"
        table.wrong("XT0207", message, "version", help="comparisons with commas: `>=1.2, <2`")
    return _complete(CratesSource(table.text("crate", grammar=grammar.PROJECT), version or ""))


def _registry_source(table: Table, name: str) -> ModuleSource:
    return _complete(
        RegistrySource(
            registry=table.text("registry"),
            version=table.text("version", default="*"),
            module=table.text("module", default=name, grammar=grammar.NAME),
        )
    )


def _archive_source(table: Table, _name: str) -> ModuleSource:
    path = inside(table, "path", table.text("path"))
    return _complete(ArchiveSource(path, table.text("sha256", grammar=_SHA256)))


def _search_source(_table: Table, name: str) -> ModuleSource:
    return SearchSource(name)


def _complete(source: ModuleSource) -> ModuleSource:
    """Return a source that says everything, otherwise nowhere: what is missing is noted."""
    return source if all(astuple(source)) else _NOWHERE


_SOURCES: dict[str, Callable[[Table, str], ModuleSource]] = {
    "path": _path_source,
    "git": _git_source,
    "index": _index_source,
    "crates-io": _crates_source,
    "registry": _registry_source,
    "archive": _archive_source,
    "search": _search_source,
}


def inside(table: Table, key: str, path: str, *index: int) -> str:
    """Return a relative path that stays in its folder, or nothing (XT0107, XT0205)."""
    where: tuple[str | int, ...] = (key, *index)
    if key in table and not path:
        table.wrong("XT0205", f"`{key}` is empty", *where, help=_PATH_HELP)
    if len(path) > grammar.MAX_LENGTH:
        message = f"`{key}` has more than {grammar.MAX_LENGTH} characters"
        table.wrong("XT0205", message, *where, help=_PATH_HELP)
        return ""
    if path.startswith("/") or "\\" in path or "\0" in path or ".." in path.split("/"):
        table.wrong(
            "XT0107",
            f"`{shortened(path)}` is not a path inside the workspace",
            *where,
            help=_PATH_HELP,
        )
        return ""
    return path


def search_folder(
    entry: Entry, composition: Composition, root: Path, problems: Problems
) -> str | None:
    """Return the folder of a module that is looked for, relative to the workspace.

    Args:
        entry: an entry whose source is a `SearchSource`.
        composition: whose search paths are looked at, in their order.
        root: the workspace.
        problems: XT0301 when it is nowhere, XT0313 when it is at two places and may not be.
    """
    paths = tuple(f"{path}/{entry.name}" for path in composition.search)
    found = [path for path in paths if (root / path).is_dir()]
    if not found:
        problems.add(
            "XT0301",
            f"`{entry.name}` is in none of the search paths",
            entry.place,
            notes=[f"there is no folder `{path}`" for path in paths],
            help="put it there, or name the folders that hold modules: `[search]` with `paths = …`",
        )
    elif len(found) > 1 and entry.name not in composition.allow_shadowed:
        problems.add(
            "XT0313",
            f"`{entry.name}` is in {listed(found)}",
            entry.place,
            others=[(Place(Source(path)), "one of them") for path in found],
            help="remove one, or list it in `allow_shadowed` of `[search]` to take the first",
        )
    return found[0] if found else None
