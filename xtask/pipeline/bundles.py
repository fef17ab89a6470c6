"""Bundles read back: what a build left beside its image, and whether it is that build's."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from xtask.digest import sha256, sha256_file
from xtask.errors import UntrustedError

if TYPE_CHECKING:
    from pathlib import Path

    from xtask.records.values import Build
    from xtask.settings import Workspace

_OF_IMAGE = ("manifest_hash", "image_digest", "config_digest")


def read(workspace: Workspace, build: Build, name: str) -> bytes:
    """Return a file of the bundle of a build.

    Raises:
        UntrustedError: it is gone.
    """
    try:
        return (_folder(workspace, build) / name).read_bytes()
    except OSError as error:
        raise UntrustedError(
            f"{name} in the bundle of build {build.id[:8]} is gone: {error.strerror}",
            help="build the same commit again: it makes the same image",
        ) from error


def read_json(workspace: Workspace, build: Build, name: str) -> dict[str, Any]:
    """Return a file of the bundle of a build that has a JSON object in it.

    Raises:
        UntrustedError: it is gone or damaged.
    """
    try:
        found = json.loads(read(workspace, build, name))
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise UntrustedError(
            f"{name} in the bundle of build {build.id[:8]} is damaged",
            help=way_out(workspace, build, name),
        )
    return found


def image(workspace: Workspace, build: Build) -> dict[str, Any]:
    """Return what the bundle says of the image, which is the one of the records.

    Raises:
        UntrustedError: it is gone or damaged, or about another image.
    """
    found = read_json(workspace, build, "image.json")
    if any(found.get(key) != getattr(build, key) for key in _OF_IMAGE):
        raise UntrustedError(
            f"image.json in the bundle of build {build.id[:8]} is about another image than the"
            " records",
            help=way_out(workspace, build, "image.json"),
        )
    return found


def plan(workspace: Workspace, build: Build) -> dict[str, Any]:
    """Return the plan that the build was made from.

    Raises:
        UntrustedError: it is gone, or not the one of the manifest hash.
    """
    if sha256(read(workspace, build, "plan.json")) != build.manifest_hash:
        raise UntrustedError(
            f"plan.json in the bundle of build {build.id[:8]} is not the one of its manifest hash",
            help=way_out(workspace, build, "plan.json"),
        )
    return read_json(workspace, build, "plan.json")


def files(workspace: Workspace, build: Build) -> dict[str, str]:
    """Return the digest of each file in the bundle by its path there.

    Raises:
        UntrustedError: one cannot be read.
    """
    folder = _folder(workspace, build)
    found = (path for path in folder.rglob("*") if path.is_file())
    try:
        return {path.relative_to(folder).as_posix(): sha256_file(path) for path in found}
    except OSError as error:
        raise UntrustedError(
            f"the bundle of build {build.id[:8]} cannot be read: {error.strerror}"
        ) from error


def _folder(workspace: Workspace, build: Build) -> Path:
    return workspace.root / str(build.bundle)


def way_out(workspace: Workspace, build: Build, name: str) -> str:
    """Return what to do about a file of a bundle that is not what it should be."""
    path = _folder(workspace, build) / name
    return f"`rm {path}`, then build the same commit again: it makes the same image"
