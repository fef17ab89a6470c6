"""The lock: reading it, seeing whether it still answers, choosing anew."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

from xtask.diagnostics import Problems
from xtask.errors import StaleError
from xtask.package import requirements
from xtask.pipeline.reading import versioned
from xtask.resolve.lock import (
    BuildEnvironment,
    Lock,
    Package,
    dependencies,
    difference,
    locked_modules,
    parse_lock,
)
from xtask.resolve.select import Selection, select

if TYPE_CHECKING:
    from collections.abc import Sequence

    from xtask.pipeline.compose import Composed
    from xtask.settings import Workspace

# Only this machine has exactly these bytes, so another machine may not find them stale.
_MACHINE_LOCAL = frozenset({"interpreter"})


def read_lock(workspace: Workspace) -> Lock | None:
    """Return the lock on disk, None when there is none.

    Raises:
        StaleError: it is not a lock of this version.
    """
    try:
        return parse_lock(tomllib.loads(workspace.lock.read_text("utf-8")))
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
    composed: Composed, *, locked: bool = False, upgrade: Sequence[str] = ()
) -> tuple[Selection, Lock]:
    """Return the lock that answers the manifests, and the selection with the versions it chose.

    Args:
        composed: what was read.
        locked: refuse instead of choosing anew.
        upgrade: third-party packages whose newest version is taken.

    Raises:
        StaleError: `locked`, and the lock on disk does not answer; the report is the difference.
        InvalidError: a requirement cannot be locked.
        RequirementConflictError: third-party requirements cannot be met together.
    """
    selection, old = composed.selection, composed.lock
    if old and not upgrade and _answers(old, selection):
        return selection, old
    problems = Problems()
    requirements.check_dependencies(selection.modules, problems)
    problems.raise_if_any()
    wanted = _wanted(selection)
    packages = requirements.resolve_requirements(wanted, old.packages if old else (), upgrade)
    selection = _with_versions(selection, packages)
    builds = requirements.resolve_builds(
        [module.build_requires for module in selection.modules if module.build_requires],
        old.builds if old and not upgrade else (),
    )
    lock = _lock(selection, packages, builds)
    if locked:
        raise StaleError(
            "modules.lock does not match the manifests",
            report=difference(old, lock),
            help="run `xtask lock` and commit modules.lock",
        )
    return selection, lock


def _answers(lock: Lock, selection: Selection) -> bool:
    same = _lock(selection, lock.packages, lock.builds)
    wanted = {module.build_requires for module in selection.modules if module.build_requires}
    return same == lock and wanted == {environment.requires for environment in lock.builds}


def _lock(
    selection: Selection,
    packages: tuple[Package, ...],
    builds: tuple[BuildEnvironment, ...],
) -> Lock:
    base = selection.composition.base
    return Lock(
        base=base,
        machine_local=base in _MACHINE_LOCAL,
        modules=locked_modules(selection.composition, selection.modules, selection.needs),
        packages=packages,
        builds=builds,
    )


def _wanted(selection: Selection) -> dict[str, tuple[str, ...]]:
    return {
        module.name: dependencies(selection.composition.entries[module.name], module)
        for module in selection.modules
    }


def _with_versions(selection: Selection, packages: Sequence[Package]) -> Selection:
    """Return the selection with published modules in the versions that were just chosen."""
    problems = Problems()
    modules = {
        module.name: versioned(selection.composition.entries[module.name], module, packages)
        for module in selection.modules
    }
    chosen = select(selection.composition, modules, problems)
    problems.raise_if_any()
    return chosen
