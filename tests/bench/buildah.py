"""The other peer: buildah with a storage of its own, without a daemon."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tests.bench.engine import BASE, unmount
from tests.bench.measure import Run, environment, run

if TYPE_CHECKING:
    from collections.abc import Iterator

_PROGRAM = "/usr/bin/buildah"


class Buildah(NamedTuple):
    """A storage of images in a folder of its own."""

    folder: Path

    def build(self, workspace: Path, *words: str) -> Run:
        """Build the Dockerfile of a workspace, one layer for each of its steps."""
        argv = ["bud", "--layers", "--quiet", "--isolation", "chroot", *words]
        return self._run(workspace, *argv, "--tag", "localhost/bench/product:1", ".")

    def import_base(self, layer: Path) -> None:
        """Make the image that Dockerfiles start from: the very layer that our images start from."""
        recipe = self.folder / "base"
        recipe.mkdir()
        shutil.copyfile(layer, recipe / "base.tar")
        (recipe / "Dockerfile").write_text("FROM scratch\nADD base.tar /\n")
        self._run(recipe, "bud", "--quiet", "--isolation", "chroot", "--tag", BASE, ".")
        shutil.rmtree(recipe)

    def _run(self, folder: Path, *words: str) -> Run:
        storage = ["--root", f"{self.folder}/root", "--runroot", f"{self.folder}/run"]
        return run([_PROGRAM, *storage, *words], cwd=folder, env=environment())


@contextlib.contextmanager
def storage(folder: Path) -> Iterator[Buildah]:
    """Use a new folder as storage, and let no mount of it stay behind."""
    folder.mkdir()
    try:
        yield Buildah(folder)
    finally:
        unmount(folder)
        # What layers hold may be read-only folders, which only a program of buildah's can remove.
        argv = [_PROGRAM, "--root", f"{folder}/root", "--runroot", f"{folder}/run", "rmi", "--all"]
        subprocess.run([*argv, "--force"], check=False, capture_output=True)
        unmount(folder)


def is_installed() -> bool:
    """Return whether buildah is there, and this process may mount."""
    return Path(_PROGRAM).exists() and os.geteuid() == 0
