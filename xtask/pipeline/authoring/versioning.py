"""The stories of a version: take the next one, and see whether a change needs a larger step."""

from __future__ import annotations

import contextlib
import json
import stat
from typing import TYPE_CHECKING, Any, NamedTuple

from xtask.author.versions import next_version, rewritten, statements
from xtask.diagnostics import Problems
from xtask.errors import UntrustedError, UsageError
from xtask.files import replacing
from xtask.manifest.dialects import read_module
from xtask.manifest.entries import PathSource, SearchSource, search_folder
from xtask.manifest.folder import Folder
from xtask.package import sources
from xtask.pipeline.authoring.editing import read
from xtask.pipeline.authoring.modules import entry_of
from xtask.pipeline.composing.compose import compose
from xtask.pipeline.composing.surface import surfaces
from xtask.resolve.changes import Changes, compare
from xtask.resolve.facts import facts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from xtask.author.versions import Level
    from xtask.manifest.composition import Composition
    from xtask.manifest.module import Module
    from xtask.records.values import Build
    from xtask.settings import Settings, Workspace

_MANY = 10_000
# Without the front end there are no pages in the facts, though the module has them.
_FRONT_END = ("routes", "navigation")


class Bumped(NamedTuple):
    """A module's step from one version to the next, and the files that say so."""

    name: str
    before: str
    after: str
    files: tuple[str, ...]


class Checked(NamedTuple):
    """A module, the version that was released (None: never), its version now, and what changed."""

    module: Module
    released: str | None
    version: str
    changes: Changes


def bump(workspace: Workspace, name: str, level: Level) -> Bumped:
    """Change the version of a module in every place where its dialect keeps it, or in none.

    Raises:
        UsageError: there is no such module, its source is not here, or it has no version.
        InvalidError: the module has problems.
    """
    composition, problems = read(workspace), Problems()
    shown = _folder(name, composition, workspace, problems)
    module = read_module(workspace.root / shown, shown, problems)
    problems.raise_if_any()
    if module is None or not module.version:
        raise UsageError(f"`{name}` does not say which version it is", help="write one: `1.0.0`")
    registries = [
        (workspace.root / registry.index, registry.index)
        for registry in composition.registries.values()
        if "://" not in registry.index
    ]
    version = next_version(module.version, level)
    new: dict[Path, bytes] = {}
    for statement in statements(module, Folder(workspace.root / shown, shown), registries):
        data = new.get(statement.path) or statement.path.read_bytes()
        new[statement.path] = rewritten(statement, data, version)
    _write_all(new)
    files = sorted(path.relative_to(workspace.root).as_posix() for path in new)
    return Bumped(name, module.version, version, tuple(files))


def _folder(name: str, composition: Composition, workspace: Workspace, problems: Problems) -> str:
    """Return the folder of a module, relative to the workspace."""
    entry = entry_of(composition, name)
    match entry.source:
        case PathSource(path):
            return path.rstrip("/")
        case SearchSource():
            found = search_folder(entry, composition, workspace.root, problems)
            problems.raise_if_any()
            return found or ""
    raise UsageError(
        f"the source of `{name}` is `{entry.source.kind}`, so its version is not kept here",
        help="change it where its source is",
    )


def _write_all(files: Mapping[Path, bytes]) -> None:
    """Replace all files, or none: every new one is on the disk before the first one counts."""
    before = {path: path.read_bytes() for path in files}
    try:
        with contextlib.ExitStack() as stack:
            for path, data in files.items():
                temporary = stack.enter_context(replacing(path))
                temporary.write_bytes(data)
                temporary.chmod(stat.S_IMODE(path.stat().st_mode))
    except BaseException:
        for path, data in before.items():
            if path.read_bytes() != data:
                path.write_bytes(data)
        raise


def check_versions(settings: Settings, names: Sequence[str] = ()) -> tuple[Checked, ...]:
    """Return what changed in each module since its last release, and the step that this needs.

    The last release is the newest one that ever served, else the newest build. Modules whose
    source is elsewhere are not compared: they have versions of their own makers.

    Args:
        settings: where, and which records.
        names: which modules; default all whose source is here.

    Raises:
        UsageError: a module is not in the product, or its source is not here.
        InvalidError: the composition does not fit.
        UntrustedError: the bundle of the release is gone.
    """
    selection = compose(settings.workspace).selection
    entries = selection.composition.entries
    own = {
        module.name: module
        for module in selection.modules
        if isinstance(entries[module.name].source, PathSource | SearchSource)
    }
    if unknown := [name for name in names if name not in own]:
        raise UsageError(
            f"`{unknown[0]}` is not a module of the product with a folder of its own",
            help="`xtask list-modules` shows them",
        )
    after = _described(facts(selection), surfaces(own.values()))
    build = _released(settings)
    before = _bundled(settings.workspace, build) if build else {}
    digests = {module.id: module.source_digest for module in build.modules} if build else {}
    return tuple(
        _checked(module, before.get(name), after[name], digests.get(name))
        for name, module in own.items()
        if not names or name in names
    )


def refuse_small_steps(checked: Sequence[Checked], problems: Problems) -> None:
    """Note each module whose version says less than what has changed (XT0315)."""
    for module, released, version, changes in checked:
        if changes.is_enough:
            continue
        step = "stayed" if changes.given == "none" else f"made a {changes.given} step"
        problems.add(
            "XT0315",
            f"`{module.name}` needs a {changes.needed} step after {released}, and {step}",
            module.place.at("version"),
            f"{version} here",
            notes=[reason.text for reason in changes.reasons],
            help=f"run `xtask bump {module.name} {changes.needed}`",
        )


def _checked(
    module: Module,
    before: Mapping[str, Any] | None,
    after: Mapping[str, Any],
    digest: str | None,
) -> Checked:
    version = module.version or ""
    if before is None:
        return Checked(module, None, version, Changes("none", "none", ()))
    before, after = _comparable(before, after)
    root = module.root
    files = sources.source_files(root, sources.not_sources(module)) if root else ()
    changes = compare(before, after, same_source=sources.source_digest(files) == digest)
    return Checked(module, before["version"], version, changes)


def _described(
    composition: Mapping[str, Any], surface: Mapping[str, Mapping[str, Any]]
) -> dict[str, dict[str, Any]]:
    """Return for each module its facts and its surface, by name."""
    profile = {"profile": composition["deployment_profile"]}
    return {
        module["name"]: {**module, **profile, "surface": surface.get(module["name"])}
        for module in composition["modules"]
    }


def _comparable(
    before: Mapping[str, Any], after: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return two states with only what both of them know."""
    both = before["surface"] and after["surface"]
    left_out = _FRONT_END if before["profile"] != after["profile"] else ()
    first, second = (
        {key: value for key, value in state.items() if key not in left_out}
        | (state["surface"] if both else {})
        for state in (before, after)
    )
    return first, second


def _released(settings: Settings) -> Build | None:
    """Return the build of the newest release that ever served, else the newest one."""
    from xtask.records.store import open_records  # noqa: PLC0415 - start-up

    with open_records(settings.database_url, create=False) as records:
        for release in records.releases(limit=_MANY):
            if release.activated_at:
                return records.build(release.build_id)
        return next((row for row in records.builds(limit=_MANY) if row.bundle), None)


def _bundled(workspace: Workspace, build: Build) -> dict[str, dict[str, Any]]:
    """Return what a build's bundle says of each module."""
    bundle = workspace.root / str(build.bundle)
    surface = bundle / "surface.json"
    try:
        composition = json.loads((bundle / "generated" / "composition.json").read_bytes())
        kept = json.loads(surface.read_bytes()) if surface.exists() else {}
    except OSError as error:
        raise UntrustedError(
            f"the bundle of build {build.id[:8]} is gone: {error.strerror}",
            help="build the released commit again: it makes the same bundle",
        ) from error
    return _described(composition, kept)
