"""The story of a rebuild: make an image again from what was kept of it alone, and compare.

Nothing of the workspace is read but the bundle, `releases/inputs` and the base's layers, and nobody
is asked. What is made lies in a folder of its own and ends with the story.
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import asdict, dataclass, replace
from pathlib import Path, PurePosixPath
from platform import python_version
from typing import TYPE_CHECKING, Any

from xtask.digest import sha256_file
from xtask.errors import UntrustedError, XtaskError
from xtask.image.base.values import read_base
from xtask.image.difference import Difference
from xtask.image.layout import Layout
from xtask.package import requirements
from xtask.pipeline.building import inventory, layering, stages
from xtask.pipeline.building.planning import planned_for
from xtask.pipeline.composing.compose import compose
from xtask.pipeline.composing.locking import current_lock
from xtask.pipeline.composing.reading import Kept
from xtask.pipeline.composing.rendering import rendered
from xtask.pipeline.verifying.comparison import (
    Differs,
    Made,
    Shipped,
    compare_generated,
    compare_images,
    compare_plans,
    read_plan,
)
from xtask.resolve.plan import COMPRESSORS, FORMATS
from xtask.settings import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from xtask.image.base.values import Base
    from xtask.pipeline.building.planning import Planned
    from xtask.pipeline.progress import Progress
    from xtask.records.values import Build
    from xtask.resolve.lock import Lock

# So many missing inputs are named to people; programs get all of them.
_NAMED = 5
IDENTICAL, DIFFERENT, INCONCLUSIVE = "identical", "different", "inconclusive"
EQUIVALENT = "equivalent"
"""The same layers and config, whose blobs only another compressor could make."""


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What a rebuild came to; `part` is the first that differs, such as `plan` or `wheels`."""

    verdict: str
    says: str
    image_digest: str = ""
    config_digest: str = ""
    part: str = ""
    difference: Difference | None = None
    missing: tuple[str, ...] = ()

    def document(self) -> dict[str, Any]:
        """Return it as a JSON value."""
        found = self.difference
        return asdict(self) | {"difference": found._asdict() if found else None}


def read_rebuilt(document: Mapping[str, Any]) -> Rebuilt:
    """Return what `Rebuilt.document` has described."""
    found = document["difference"]
    difference = Difference(**found) if found else None
    missing = tuple(document["missing"])
    return Rebuilt(**{**document, "difference": difference, "missing": missing})


def require_identical(found: Rebuilt, build: Build) -> None:
    """Refuse a build that does not give the same again, or of which that cannot be said.

    Raises:
        UntrustedError: it gives something else.
        XtaskError: it cannot be built again.
    """
    if found.verdict == DIFFERENT:
        raise UntrustedError(
            f"build {build.id[:8]} is not reproducible: {found.says}",
            help="look for times, random values and paths in what made that",
        )
    if found.verdict not in {IDENTICAL, EQUIVALENT}:
        says, tip = found.says, None
        if number := len(found.missing):
            says = f"{number} of its inputs {'is' if number == 1 else 'are'} gone"
            tip = "`xtask build` keeps them again while the sources are the same"
        message = f"whether build {build.id[:8]} is reproducible cannot be said: {says}"
        raise XtaskError(message, help=tip)


def shipped(build: Build, workspace: Workspace) -> Shipped:
    """Return what a build with an image has made."""
    bundle = workspace.root / str(build.bundle)
    return Shipped(build.manifest_hash, str(build.image_digest), bundle)


def rebuild(
    origin: Workspace, built: Shipped, progress: Progress, *, backwards: bool = False, time: int = 0
) -> Rebuilt:
    """Build again from what was kept, and say whether that gives the same.

    Args:
        origin: where it was built.
        built: what was built.
        progress: who is told.
        backwards: write the files of modules in another order than usual.
        time: when they say that they were written, in seconds since the epoch.

    Raises:
        UntrustedError: what was kept is not what its digests say.
    """
    kept = inventory.read_inputs(built.bundle)
    if kept is None:
        says = f"{inventory.NAME} is not in the bundle: build again, then it is"
        return Rebuilt(INCONCLUSIVE, says, missing=(inventory.NAME,))
    bases = _bases(kept, Layout(origin.layout))
    if missing := tuple(sorted(_missing(kept, bases, origin))):
        return Rebuilt(INCONCLUSIVE, _gone(missing), missing=missing)
    if reason := _why_not(kept, bases):
        return Rebuilt(INCONCLUSIVE, reason)
    with tempfile.TemporaryDirectory(prefix="xtask-rebuild-") as temporary:
        workspace = Workspace(Path(temporary).resolve() / "workspace")
        try:
            with progress.stage("restore") as stage:
                modules = _restore(kept, origin, workspace, backwards=backwards, time=time)
                stage.detail = f"{len(modules)} modules"
            made = _make(kept, bases, modules, origin, built, workspace, progress)
            with progress.stage("compare") as stage:
                compare_images(made, built, Layout(origin.layout), Layout(workspace.layout))
                stage.detail = made.image.digest
        except Differs as found:
            says = f"{found.part}: {found.difference}"
            return Rebuilt(DIFFERENT, says, part=found.part, difference=found.difference)
        except UntrustedError:
            raise
        except XtaskError as error:
            return Rebuilt(INCONCLUSIVE, f"it cannot be built any more: {error.message}")
    return _same(made)


def _same(made: Made) -> Rebuilt:
    digest, config = made.image.digest, made.image.config_digest
    if made.as_stored:
        return Rebuilt(IDENTICAL, f"built again: {digest}", digest, config)
    says = (
        f"built again: every layer, and the config {config}; only their compressor "
        f"`{made.planned.plan.compressor}`, on which the image digest depends, is not here"
    )
    return Rebuilt(EQUIVALENT, says, config_digest=config)


def _gone(missing: Sequence[str]) -> str:
    """Return what is missing, one in a line."""
    more = [f"and {len(missing) - _NAMED} more"] if len(missing) > _NAMED else []
    return "\n  ".join(["gone:", *missing[:_NAMED], *more])


def _bases(kept: Mapping[str, Any], layout: Layout) -> dict[str, Base]:
    try:
        bases = {platform: read_base(base) for platform, base in kept["bases"].items()}
        for layer in (layer for base in bases.values() for layer in base.layers):
            layout.path(layer.digest)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UntrustedError(f"{inventory.NAME} in the bundle describes no base") from error
    return bases


def _missing(
    kept: Mapping[str, Any], bases: Mapping[str, Base], origin: Workspace
) -> Iterator[str]:
    layout = Layout(origin.layout)
    for what, path in inventory.paths(kept, origin).items():
        if not path.is_file():
            yield what
    for platform, base in bases.items():
        for number, layer in enumerate(base.layers):
            if not layout.has(layer.digest):
                yield f"layer {number} of the base for {platform}"


def _why_not(kept: Mapping[str, Any], bases: Mapping[str, Base]) -> str:
    """Return why this program cannot make the same bytes, nothing when it can."""
    if kept.get("formats") != FORMATS:
        return "it was built by a version of xtask that writes other formats: use that one"
    ours = f"{sys.version_info[0]}.{sys.version_info[1]}"
    for base in bases.values():
        if base.has_bytecode and base.minor != ours:
            return f"its modules are compiled for Python {base.minor}: run xtask with that one"
    return ""


def _restore(
    kept: Mapping[str, Any], origin: Workspace, workspace: Workspace, *, backwards: bool, time: int
) -> dict[str, Kept]:
    """Write manifests and modules as they were; return where each module is."""
    workspace.root.mkdir(parents=True)
    workspace.manifest.write_bytes(inventory.read_blob(origin, kept["composition"]))
    workspace.lock.write_bytes(inventory.read_blob(origin, kept["lock"]))
    found = {}
    named = list(enumerate(sorted(kept["modules"].items())))
    for number, (name, module) in named[::-1] if backwards else named:
        path, shown = workspace.root / "modules" / str(number), str(module["shown"])
        if "sources" in module:
            inventory.unpack(origin, module["sources"], path, backwards=backwards, time=time)
        else:
            path /= PurePosixPath(shown).name
            path.parent.mkdir(parents=True)
            path.write_bytes(inventory.read_blob(origin, module["manifest"]))
        found[name] = Kept(path, shown)
    return found


def _make(  # noqa: PLR0913, PLR0917 - what the story has gathered so far
    kept: Mapping[str, Any],
    bases: Mapping[str, Base],
    modules: Mapping[str, Kept],
    origin: Workspace,
    built: Shipped,
    workspace: Workspace,
    progress: Progress,
) -> Made:
    """Make the image once more, comparing on the way what comes before it."""
    composed = compose(workspace, locked=True, kept=modules)
    selection, lock = current_lock(composed, workspace, locked=True)
    if missing := set(selection.composition.platforms) - bases.keys():
        raise UntrustedError(f"{inventory.NAME} in the bundle has no base for {min(missing)}")
    stands_on = {platform: bases[platform] for platform in selection.composition.platforms}
    stored_with = str(read_plan(built).get("formats", {}).get("compressor"))
    planned = _with_compressor(planned_for(selection, lock, stands_on), stored_with)
    compare_plans(planned, built)
    generated, _ = rendered(selection, workspace)
    compare_generated(generated, built.bundle)
    with progress.stage("package") as stage:
        _restore_wheels(kept, lock, stands_on, origin, workspace)
        with stages.wheel_builder(planned.plan, planned.files, workspace) as builder:
            wheels = stages.package(planned, builder, workspace)
        stage.detail = f"{len(modules)} modules"
    with progress.stage("layers"):
        _verify_bases(stands_on, Layout(origin.layout))
        as_stored = _compresses_with(stored_with)
        stored = planned if as_stored else _with_compressor(planned, COMPRESSORS["none"])
        layers = layering.layers(stored, wheels, generated, workspace, None)
        image = stages.assemble_image(planned, layers, workspace, before=None)
    return Made(planned, layers, image, as_stored)


def _with_compressor(planned: Planned, compressor: str) -> Planned:
    return planned._replace(plan=replace(planned.plan, compressor=compressor))


def _compresses_with(compressor: str) -> bool:
    """Return whether this xtask on this Python stores layers as that compressor did."""
    if compressor == COMPRESSORS["none"]:
        return True
    from xtask.image.deflate import is_classic_zlib  # noqa: PLC0415 - only for compressed layers

    return compressor in COMPRESSORS.values() and is_classic_zlib()


def _restore_wheels(
    kept: Mapping[str, Any],
    lock: Lock,
    bases: Mapping[str, Base],
    origin: Workspace,
    workspace: Workspace,
) -> None:
    """Let every wheel that is asked for be here."""

    def files(digests: Mapping[str, str]) -> dict[str, Path]:
        return {name: inventory.wheel(origin, digest) for name, digest in digests.items()}

    for platform, base in bases.items():
        there = files(kept["wheels"].get(platform, {}))
        locked = requirements.applicable(lock.packages, base.python, base.platform)
        requirements.restore(locked, there, workspace.cache, stages.target_of(base))
    there = files(kept["build_wheels"])
    for environment in lock.builds:
        locked = requirements.applicable(environment.packages, python_version())
        requirements.restore(locked, there, workspace.cache)


def _verify_bases(bases: Mapping[str, Base], layout: Layout) -> None:
    for digest in {layer.digest for base in bases.values() for layer in base.layers}:
        if sha256_file(layout.path(digest)) != digest:
            raise UntrustedError(f"{layout.path(digest)}, a base layer, has other bytes")
