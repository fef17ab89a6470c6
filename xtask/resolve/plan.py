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
FORMATS = {"generator": 2, "projects": 1, "layers": 1, "image": 1}
COMPRESSORS = {"none": "none", "gzip": "zlib-classic-6/1"}
"""What stores a layer, for each compression of `modules.toml`; no part of what a layer is."""


class Base(NamedTuple):
    """What the image stands on: its name in `modules.toml`, its digest, its Python `3.11.7`.

    Of an image for several platforms there is one for each, with the digest that it has there.
    """

    name: str
    digest: str
    python: str
    machine_local: bool
    platform: str = ""

    def document(self) -> dict[str, Any]:
        """Return what of it is in a plan; the platform stands elsewhere."""
        return {key: value for key, value in self._asdict().items() if key != "platform"}


@dataclass(frozen=True)
class Plan:
    """The resolved product.

    `bases` has one for each platform, by its name; `sources` the source digest of each module;
    `compressor` is what turns the layers into the blobs that are stored.
    """

    selection: Selection
    lock: Lock
    bases: tuple[Base, ...]
    sources: Mapping[str, str]
    compressor: str

    def document(self) -> dict[str, Any]:
        """Return the plan as a JSON value; neither order nor comments of `modules.toml` show."""
        composition = self.selection.composition
        return {
            "schema": 1,
            "facts": facts(self.selection),
            **self._platforms(),
            "profile": composition.profile,
            "repository": composition.repository,
            "sources": dict(self.sources),
            "packages": [package.document() for package in self.lock.packages],
            "builds": [environment.document() for environment in self.lock.builds],
            "formats": self.formats,
        }

    @property
    def formats(self) -> dict[str, int | str]:
        """The versions of everything that is written."""
        return {**FORMATS, "compressor": self.compressor}

    def _platforms(self) -> dict[str, Any]:
        """Return platform and base, or all platforms with the base of each."""
        platforms = list(self.selection.composition.platforms)
        bases = [base.document() for base in self.bases]
        if len(bases) == 1:
            return {"platform": platforms[0], "base": bases[0]}
        return {"platform": platforms, "base": dict(zip(platforms, bases, strict=True))}

    @cached_property
    def manifest_hash(self) -> str:
        """The identity of the input: `sha256:<hex>` of the canonical JSON."""
        return sha256_of(self.document())
