"""Trying another `modules.toml` before it is written: what does not fit is never on the disk."""

from __future__ import annotations

import contextlib
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from xtask.diagnostics import Problems
from xtask.errors import InvalidError, UsageError
from xtask.files import write_atomic
from xtask.manifest.composition import Composition, read_composition
from xtask.pipeline.composing.compose import validate
from xtask.settings import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from xtask.diagnostics import Diagnostic


@dataclass(frozen=True, slots=True)
class _Draft(Workspace):
    """A workspace whose composition is somewhere else."""

    draft: Path

    @property
    def manifest(self) -> Path:
        """The composition that may come to be."""
        return self.draft


class Edit:
    """A new text of `modules.toml` that is tried before it is written."""

    def __init__(self, workspace: Workspace) -> None:
        """Begin with what the file says now."""
        self._workspace = workspace
        self._before = workspace.manifest.read_bytes()
        self.text = self._before.decode()

    def proved(self) -> tuple[Diagnostic, ...]:
        """Return the warnings of the new state.

        Raises:
            InvalidError: it does not fit.
        """
        with tempfile.TemporaryDirectory() as folder:
            draft = Path(folder) / self._workspace.manifest.name
            draft.write_bytes(self.text.encode())
            return validate(_Draft(self._workspace.root, draft)).warnings

    def no_worse(self) -> tuple[Diagnostic, ...]:
        """Return the warnings of the new state; problems that the old one has do not count.

        Raises:
            InvalidError: it has problems that the old one has not.
        """
        try:
            return self.proved()
        except InvalidError as error:
            known = {(problem.code, problem.message) for problem in _problems(self._workspace)}
            if any((item.code, item.message) not in known for item in error.problems):
                raise
            return error.problems

    def write(self) -> None:
        """Replace the file, unless somebody else has."""
        if self._workspace.manifest.read_bytes() != self._before:
            raise UsageError("modules.toml was changed meanwhile", help="do it again")
        write_atomic(self._workspace.manifest, self.text.encode())


@contextlib.contextmanager
def edited(workspace: Workspace) -> Iterator[Edit]:
    """Yield the text of `modules.toml`; what becomes of it is written if there is no error."""
    edit = Edit(workspace)
    yield edit
    edit.write()


def _problems(workspace: Workspace) -> tuple[Diagnostic, ...]:
    try:
        validate(workspace)
    except InvalidError as error:
        found: tuple[Diagnostic, ...] = error.problems
        return found
    return ()


def read(workspace: Workspace) -> Composition:
    """Return the composition; modules are not looked at.

    Raises:
        InvalidError: it has problems.
    """
    problems = Problems()
    composition = read_composition(workspace.manifest, problems)
    problems.raise_if_any()
    if composition is None:
        raise AssertionError("a composition that cannot be read has a problem")
    return composition
