"""A generated file: its bytes, and the facts that each of its lines came from."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from xtask.diagnostics import KeyPath


class File(NamedTuple):
    """One generated file; `causes` are the paths in the facts that each line came from."""

    name: str
    data: bytes
    causes: tuple[KeyPath, ...] = ()


Tree = tuple[File, ...]
