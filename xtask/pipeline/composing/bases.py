"""The base: what its line in `modules.toml` means, and what that is for each platform.

This machine's Python is packed; of an image that the lock names, a build copies what it lacks.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from xtask.errors import StaleError
from xtask.image.layout import Layout
from xtask.manifest.composition import INTERPRETER
from xtask.resolve.lock import PYTHON
from xtask.resolve.plan import COMPRESSORS

if TYPE_CHECKING:
    from xtask.image.base.sources import Source
    from xtask.image.base.values import Base
    from xtask.manifest.composition import Composition
    from xtask.resolve.lock import Lock
    from xtask.settings import Workspace

_LAYOUT = "oci:"
_PINNED = re.compile(r"@(sha256:[0-9a-f]{64})$")


def pinned_digest(base: str) -> str:
    """Return the digest that the line itself names, or nothing; that of a layout names none."""
    found = None if base.startswith(_LAYOUT) else _PINNED.search(base)
    return found[1] if found else ""


def base_digest(base: str, workspace: Workspace) -> str:
    """Return what a base means now; a registry is asked, and this machine's Python has none.

    Raises:
        XtaskError: there is no such image, or nobody answers.
    """
    if base == INTERPRETER:
        return ""
    return pinned_digest(base) or source_of(base, workspace).resolve()


def base_name(base: str) -> str:
    """Return what others call the image, nothing for what only this machine can reach."""
    if base == INTERPRETER or base.startswith(_LAYOUT):
        return ""
    from xtask.image.base.sources import FromRegistry  # noqa: PLC0415 - start-up
    from xtask.image.registry.reference import parse_reference  # noqa: PLC0415

    return FromRegistry(parse_reference(base)).name


def source_of(base: str, workspace: Workspace) -> Source:
    """Return who has an image that `modules.toml` names."""
    from xtask.image.base.sources import FromLayout, FromRegistry  # noqa: PLC0415 - start-up

    if base.startswith(_LAYOUT):
        path, _, reference = base.removeprefix(_LAYOUT).partition(":")
        return FromLayout(Layout(workspace.root / path), reference)
    from xtask.image.registry.reference import parse_reference  # noqa: PLC0415 - start-up

    return FromRegistry(parse_reference(base))


def bases(composition: Composition, lock: Lock, workspace: Workspace) -> dict[str, Base]:
    """Return the base of each platform, in the order of their names.

    Raises:
        BaseError: it has no image for a platform, or no Python that can be used.
        UntrustedError: something is not what its digest says.
        XtaskError: this Python cannot be packed, or nobody gives the image.
    """
    layout = Layout(workspace.layout)
    if composition.base == INTERPRETER:
        return {composition.platforms[0]: _interpreter(composition, layout, workspace)}
    from xtask.image.base.portable import portable_base  # noqa: PLC0415 - start-up
    from xtask.image.base.sources import obtain  # noqa: PLC0415

    if not lock.base_digest:
        raise StaleError("modules.lock names no digest of the base", help="run `xtask lock`")
    source = source_of(composition.base, workspace)
    found = {}
    for platform in composition.platforms:
        manifest = obtain(source, lock.base_digest, layout, platform)
        found[platform] = portable_base(layout, workspace.cache, manifest, platform)
        _require_supported(found[platform])
    return found


def _interpreter(composition: Composition, layout: Layout, workspace: Workspace) -> Base:
    """Return this machine's Python; its identity is its tar, also where that is compressed."""
    from xtask.image.base.interpreter import pack  # noqa: PLC0415 - not for other bases

    if composition.compression == "none":
        return pack(layout, workspace.cache)
    from xtask.image.compression import compress  # noqa: PLC0415 - start-up

    tars, compressor = Layout(workspace.tars), COMPRESSORS[composition.compression]
    base = pack(tars, workspace.cache)
    made = compress(base.layers, tars, layout, workspace.cache, compressor)
    return replace(base, layers=tuple(made[layer.diff_id] for layer in base.layers))


def _require_supported(base: Base) -> None:
    """Refuse a Python that third-party packages are not chosen for."""
    from xtask.image.base.values import BaseError  # noqa: PLC0415 - start-up

    if tuple(map(int, base.minor.split("."))) < tuple(map(int, PYTHON.split("."))):
        raise BaseError(
            f"the base has Python {base.python}; packages are chosen for {PYTHON} and later",
            help="name a base with a later Python",
        )
