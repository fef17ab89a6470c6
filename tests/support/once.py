"""What takes long to make and is made once in a run, whichever of its processes needs it first."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from xtask.files import locked

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """Return a folder that `make` has filled: the first process calls it, the others wait.

    Nobody changes what is in it.
    """
    own = factory.getbasetemp()
    of_the_run = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    folder, done = of_the_run / "once" / name, of_the_run / "once" / f"{name}.done"
    with locked(done.with_suffix(".lock")):
        if not done.exists():
            make(folder)
            done.touch()
    return folder
