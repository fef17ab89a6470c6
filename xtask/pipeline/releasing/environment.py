"""An environment of `modules.toml`, read where a release needs it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xtask.diagnostics import Place, Problems, Source, did_you_mean, listed
from xtask.errors import UsageError
from xtask.manifest.composition import read_composition
from xtask.manifest.environments import Environment

if TYPE_CHECKING:
    from xtask.settings import Workspace


def rules_of(workspace: Workspace, name: str) -> Environment:
    """Return an environment of `modules.toml`.

    Raises:
        UsageError: it is not there.
        InvalidError: the file does not say what it should.
    """
    problems = Problems()
    composition = read_composition(workspace.manifest, problems)
    problems.raise_if_any()
    known = composition.environments if composition else {}
    if name not in known:
        raise UsageError(
            f"there is no environment `{name}` in modules.toml",
            help=did_you_mean(name, known) or f"there are: {listed(known) or 'none'}",
        )
    return known[name]


def rules_if_readable(workspace: Workspace, name: str) -> Environment:
    """Return an environment of `modules.toml`, and one without rules when that cannot be read.

    Nothing that is wrong with that file may keep anybody from going back.
    """
    composition = read_composition(workspace.manifest, Problems())
    if composition and name in composition.environments:
        return composition.environments[name]
    return without_rules(name)


def without_rules(name: str) -> Environment:
    """Return an environment of which nothing is known but that it is there."""
    return Environment(name, 0, "record", 0, Place(Source("modules.toml")))
