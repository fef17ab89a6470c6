"""The plan: every input that can change a byte of the image, and the identity made from it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from xtask.digest import sha256_of
from xtask.resolve.facts import facts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xtask.resolve.lock import Lock
    from xtask.resolve.select import Selection

# Raise one of these when the same input gives other bytes: they are part of the manifest hash.
FORMATS = {"generator": 2, "projects": 1, "layers": 1, "compressor": "none"}


class Base(NamedTuple):
    """What the image stands on: its name in `modules.toml`, its digest, its Python `3.11.7`."""

    name: str
    digest: str
    python: str
    machine_local: bool


@dataclass(frozen=True)
class Plan:
    """The resolved product. `sources` holds the source digest of each module by name."""

    selection: Selection
    lock: Lock
    base: Base
    sources: Mapping[str, str]

    def document(self) -> dict[str, Any]:
        """Return the plan as a JSON value; neither order nor comments of `modules.toml` show."""
        composition = self.selection.composition
        return {
            "schema": 1,
            "facts": facts(self.selection),
            "platform": composition.platform,
            "profile": composition.profile,
            "repository": composition.repository,
            "base": self.base._asdict(),
            "sources": dict(self.sources),
            "packages": [package.document() for package in self.lock.packages],
            "builds": [environment.document() for environment in self.lock.builds],
            "formats": FORMATS,
        }

    @cached_property
    def manifest_hash(self) -> str:
        """The identity of the input: `sha256:<hex>` of the canonical JSON."""
        return sha256_of(self.document())
