"""Isolated environments in which wheels are built (PEP 517), one for each set of requirements."""

from __future__ import annotations

import os
import shutil
import sys
from typing import TYPE_CHECKING

from xtask.digest import hex_of, sha256_of
from xtask.package.requirements import applicable, download, downloaded, pin, uv
from xtask.package.target import RUNNING
from xtask.process import run

if TYPE_CHECKING:
    from pathlib import Path

    from xtask.resolve.lock import BuildEnvironment


def _folder(environment: BuildEnvironment, cache: Path) -> Path:
    key = hex_of(sha256_of([environment.document(), sys.version, sys.base_prefix]))
    return cache / "build" / key


def is_made(environment: BuildEnvironment, cache: Path) -> bool:
    """Return whether `python_of` has nothing to do."""
    return _is_complete(_folder(environment, cache))


def _is_complete(folder: Path) -> bool:
    return (folder / "complete").exists()


def python_of(environment: BuildEnvironment, cache: Path) -> Path:
    """Return the Python of an isolated environment with exactly the locked packages.

    Raises:
        ProcessError: it cannot be made.
        XtaskError: the package index does not give what is locked.
        UntrustedError: a kept wheel is not what the lock says.
    """
    folder = _folder(environment, cache)
    python = folder / "bin" / "python"
    if not _is_complete(folder):
        shutil.rmtree(folder, ignore_errors=True)
        clean = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
        run([uv(), "venv", "--quiet", "--python", sys.executable, str(folder)], env=clean)
        install = [uv(), "pip", "install", "--quiet", "--python", str(python), "--no-deps"]
        install += ["--only-binary", ":all:", "--compile-bytecode"]
        run([*install, *_locked_wheels(environment, folder, cache)], env=clean)
        (folder / "complete").touch()
    return python


def _locked_wheels(environment: BuildEnvironment, folder: Path, cache: Path) -> list[str]:
    """Return the words that let uv install the locked wheels; the kept ones, if they are kept."""
    packages = applicable(environment.packages, RUNNING)
    if packages and downloaded(packages, cache):
        kept = download(packages, cache)
        return ["--offline", "--no-index", *(str(path) for path, _ in kept.values())]
    listing = folder / "requirements.txt"
    listing.write_text("".join(f"{pin(package)}\n" for package in packages))
    return ["--require-hashes", "--requirement", str(listing)]
