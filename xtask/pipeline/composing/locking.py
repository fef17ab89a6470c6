"""The lock: reading it, seeing whether it still answers, choosing anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

import tomli

from xtask.diagnostics import Problems, did_you_mean
from xtask.errors import StaleError, UsageError, XtaskError
from xtask.manifest.composition import INTERPRETER
from xtask.manifest.entries import IndexSource, RegistrySource
from xtask.package import requirements
from xtask.package.shadowing import refuse_taken
from xtask.pipeline.composing.bases import base_digest, pinned_digest
from xtask.pipeline.composing.reading import read_modules
from xtask.pipeline.composing.registered import Registries
from xtask.resolve.lock import (
    BuildEnvironment,
    LeftOut,
    Lock,
    Package,
    dependencies,
    difference,
    locked_modules,
    normalised,
    parse_lock,
)
from xtask.resolve.select import Selection, select

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from xtask.pipeline.composing.compose import Composed
    from xtask.resolve.pins import Pin
    from xtask.settings import Workspace

# What `--upgrade` calls the base; a package of this name is upgraded where the base has no tag.
_BASE = "base"
_MAX_ROUNDS = 4


def read_lock(workspace: Workspace) -> Lock | None:
    """Return the lock on disk, None when there is none.

    Raises:
        StaleError: it is not a lock of this version.
    """
    try:
        return parse_lock(tomli.loads(workspace.lock.read_text("utf-8")))
    except FileNotFoundError:
        return None
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        conflict = isinstance(error, ValueError) and "<<<<<<<" in workspace.lock.read_text(
            "utf-8", "replace"
        )
        raise StaleError(
            "modules.lock has conflict markers"
            if conflict
            else f"cannot read modules.lock: {error}",
            help="delete modules.lock and run `xtask lock`",
        ) from error


def current_lock(
    composed: Composed, workspace: Workspace, *, locked: bool = False, upgrade: Sequence[str] = ()
) -> tuple[Selection, Lock]:
    """Return the lock that answers the manifests, and the selection with the versions it chose.

    Args:
        composed: what was read.
        workspace: where it was read.
        locked: refuse instead of choosing anew.
        upgrade: third-party packages, or published modules, whose newest version is taken; `base`
            is what the base's tag means now.

    Raises:
        StaleError: `locked`, and the lock on disk does not answer; the report is the difference.
        InvalidError: a requirement cannot be locked, or what was chosen does not fit, such as the
            distribution of a module that is called like a locked one (XT0213).
        RequirementConflictError: third-party requirements cannot be met together.
    """
    selection, old = composed.selection, composed.lock
    if old and not upgrade and _answers(old, composed):
        _refuse_taken(selection, old.packages)
        return selection, old
    problems = Problems()
    requirements.check_dependencies(selection.modules, problems)
    problems.raise_if_any()
    if locked:
        kept = (old.packages, old.builds) if old else ((), ())
        known = _lock(selection, composed.pins, *kept, _known_digest(composed))
        raise StaleError(
            "modules.lock does not match the manifests",
            report=difference(old, known),
            help="run `xtask lock` and commit modules.lock",
        )
    composition = selection.composition
    renews_base = _BASE in upgrade and composition.base != INTERPRETER
    names = _upgraded([name for name in upgrade if not (renews_base and name == _BASE)], composed)
    selection, packages = _choose(composed, workspace, old.packages if old else (), names)
    wanted = [module.build_requires for module in selection.modules if module.build_requires]
    _refuse_taken(selection, packages)
    builds = requirements.resolve_builds(wanted, old.builds if old else (), names)
    digest = "" if renews_base else _known_digest(composed)
    digest = digest or base_digest(composition.base, workspace)
    return selection, _lock(selection, composed.pins, packages, builds, digest)


def _refuse_taken(selection: Selection, packages: tuple[Package, ...]) -> None:
    problems = Problems()
    refuse_taken(selection.modules, {package.name for package in packages}, problems)
    problems.raise_if_any()


def _known_digest(composed: Composed) -> str:
    """Return the digest of the base as far as it is known without asking anybody."""
    base, old = composed.selection.composition.base, composed.lock
    kept = old.base_digest if old and old.base == base else ""
    return pinned_digest(base) or kept


def _upgraded(upgrade: Sequence[str], composed: Composed) -> list[str]:
    """Return the names of distributions to upgrade; a published module stands for its own."""
    entries = composed.selection.composition.entries
    sources = {name: entry.source for name, entry in entries.items()}
    own = {
        name: normalised(source.package)
        for name, source in sources.items()
        if isinstance(source, IndexSource)
    }
    lock = composed.lock
    locked = [*lock.packages, *(p for each in lock.builds for p in each.packages)] if lock else []
    known = {package.name for package in locked} | set(own.values())
    # What was chosen of registries was chosen anew when it was read.
    registered = {name for name, source in sources.items() if isinstance(source, RegistrySource)}
    for name in upgrade:
        if normalised(name) not in known | own.keys() and name not in registered:
            raise UsageError(
                f"`{name}` is neither a locked package nor a published module",
                help=did_you_mean(normalised(name), known | own.keys() | registered),
            )
    wanted = [own.get(name, normalised(name)) for name in upgrade]
    return [name for name in wanted if name in known]


def _choose(
    composed: Composed,
    workspace: Workspace,
    packages: tuple[Package, ...],
    upgrade: Sequence[str],
) -> tuple[Selection, tuple[Package, ...]]:
    """Resolve until the manifests of published modules are those of the versions that were chosen.

    Another version of a published module may need other modules, and they other packages.
    """
    selection = composed.selection
    composition = selection.composition
    for _ in range(_MAX_ROUNDS):
        asked = _wanted(selection)
        packages = requirements.resolve_requirements(asked, packages, upgrade)
        problems = Problems()
        registries = Registries(composition, workspace, {**composed.pins}, problems)
        modules = read_modules(composition, workspace, packages, problems, registries)
        selection = select(composition, modules, problems)
        problems.raise_if_any()
        if _wanted(selection) == asked:
            return selection, packages
    raise XtaskError(
        "published modules keep asking for other versions of each other",
        help="pin their versions in modules.toml",
    )


def _answers(lock: Lock, composed: Composed) -> bool:
    selection = composed.selection
    digest = _known_digest(composed)
    same = _lock(selection, composed.pins, lock.packages, lock.builds, digest)
    if not digest and selection.composition.base != INTERPRETER:
        return False
    wanted = {module.build_requires for module in selection.modules if module.build_requires}
    return same == lock and wanted == {environment.requires for environment in lock.builds}


def _lock(
    selection: Selection,
    pins: Mapping[str, Pin],
    packages: tuple[Package, ...],
    builds: tuple[BuildEnvironment, ...],
    digest: str,
) -> Lock:
    base = selection.composition.base
    entries, chosen = selection.composition.entries, {module.name for module in selection.modules}
    return Lock(
        base=base,
        # Only this machine has exactly these bytes, so another machine may not find them stale.
        machine_local=base == INTERPRETER,
        modules=locked_modules(
            selection.composition, selection.modules, selection.needs, selection.automatic, pins
        ),
        packages=packages,
        builds=builds,
        left_out=tuple(
            LeftOut(name, str(pin))
            for name, pin in sorted(pins.items())
            if name not in chosen
            and name in entries
            and isinstance(entries[name].source, RegistrySource)
        ),
        base_digest=digest,
    )


def _wanted(selection: Selection) -> dict[str, tuple[str, ...]]:
    return {
        module.name: dependencies(selection.composition.entries[module.name], module)
        for module in selection.modules
    }
