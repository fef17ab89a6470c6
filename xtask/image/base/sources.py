"""Where a portable base comes from: an image layout of the workspace, or a registry.

Whatever arrives lies in the product's own layout from then on, so that nobody is asked again, and
an old release can be built once more without a network.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from xtask.digest import sha256
from xtask.errors import UntrustedError
from xtask.image.base.values import BaseError
from xtask.image.layout import INDEX_TYPE, MANIFEST_TYPE, REFERENCE, is_index

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from xtask.image.layout import Layout
    from xtask.image.registry.client import Repository
    from xtask.image.registry.reference import Reference

MAX_DOCUMENT = 4 << 20
"""Bytes of a manifest, index or config; OCI Distribution Specification 1.1, "Pushing Manifests"."""

_PIECE = 1 << 20
# What an architecture is without a variant: the one that its usual builds are for.
_USUAL_VARIANTS = {"arm64": ("", "v8"), "amd64": ("", "v1")}


class Source(Protocol):
    """Somebody who has images."""

    @property
    def name(self) -> str:
        """What others call the image there, nothing when only this machine can reach it."""

    def resolve(self) -> str:
        """Return the digest of what is meant there now."""

    def document(self, digest: str) -> bytes:
        """Return the bytes of a manifest or index."""

    def fetch(self, manifest: str, layout: Layout) -> None:
        """Copy the manifest and every blob that it names into a layout, verified."""


@dataclass(frozen=True, slots=True)
class FromLayout:
    """An image layout in a folder; `reference` says which of several images."""

    layout: Layout
    reference: str = ""
    name: str = ""

    def resolve(self) -> str:
        """Return the digest of the image that the index of the layout names.

        Raises:
            BaseError: there is no such layout, or not exactly one such image in it.
        """
        path = self.layout.index
        try:
            index = json.loads(_limited(path))
            entries = [
                (str(one["digest"]), one.get("annotations") or {}) for one in index["manifests"]
            ]
            named = {digest: str(notes.get(REFERENCE, "")) for digest, notes in entries}
        except OSError as error:
            raise BaseError(
                f"{path.parent} is no image layout: {error.strerror}",
                help="make one: `skopeo copy docker://… oci:PATH:TAG`",
            ) from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise UntrustedError(f"{path} is not the index of an image layout") from error
        meant = [digest for digest, name in named.items() if self.reference in {"", name}]
        if len(meant) != 1:
            there = ", ".join(sorted(filter(None, named.values()))) or "none with a name"
            what = f"`{self.reference}`" if self.reference else "the one"
            raise BaseError(
                f"{path.parent} has {len(meant)} images that could be {what}",
                help=f"write `oci:PATH:NAME`; there are: {there}",
            )
        return meant[0]

    def document(self, digest: str) -> bytes:
        """Return the bytes of a manifest or index.

        Raises:
            UntrustedError: it is not there, too large, or altered.
        """
        try:
            data = _limited(self.layout.path(digest))
        except OSError as error:
            raise _not_there(digest, self.layout.root) from error
        if sha256(data) != digest:
            raise _altered(digest, self.layout.root)
        return data

    def fetch(self, manifest: str, layout: Layout) -> None:
        """Copy an image.

        Raises:
            UntrustedError: a blob is missing or altered.
        """
        data = self.document(manifest)
        for digest in parts_of(_object(data, manifest), manifest):
            if not layout.has(digest):
                self._copy(digest, layout)
        layout.put_bytes(data)

    def _copy(self, digest: str, layout: Layout) -> None:
        try:
            with self.layout.path(digest).open("rb") as stream, layout.new_blob() as blob:
                while piece := stream.read(_PIECE):
                    blob.write(piece)
                if blob.digest != digest:
                    raise _altered(digest, self.layout.root)
        except OSError as error:
            raise _not_there(digest, self.layout.root) from error


@dataclass(frozen=True, slots=True)
class FromRegistry:
    """An image of a registry."""

    reference: Reference

    @property
    def name(self) -> str:
        """The reference without a digest, which a tag may have left long ago."""
        return str(self.reference._replace(digest=None))

    def resolve(self) -> str:
        """Return the digest that is pinned, or else the one that the tag has now.

        Raises:
            XtaskError: the registry does not answer, or has no such image.
        """
        if self.reference.digest:
            return self.reference.digest
        with self._open() as repository:
            return repository.resolve(str(self.reference.tag)).digest

    def document(self, digest: str) -> bytes:
        """Return the bytes of a manifest or index."""
        with self._open() as repository:
            return repository.manifest(digest)[0]

    def fetch(self, manifest: str, layout: Layout) -> None:
        """Pull an image."""
        from xtask.image.registry.pull import pull_image  # noqa: PLC0415 - only for new bases

        with self._open() as repository:
            pull_image(repository, manifest, layout)

    @contextmanager
    def _open(self) -> Iterator[Repository]:
        from xtask.image.registry.client import Repository  # noqa: PLC0415 - only for new bases

        with Repository(self.reference) as repository:
            yield repository


def obtain(source: Source, top: str, layout: Layout, platform: str) -> str:
    """Return the digest of a platform's manifest, after making sure that the layout has it all.

    Args:
        source: who has it; not asked for what is in the layout.
        top: the digest of an image, or of an index of images for several platforms.
        layout: where it goes.
        platform: which of them, such as `linux/arm64`.

    Raises:
        BaseError: there is no image for the platform.
        UntrustedError: what arrives is not what its digest says.
    """
    if not layout.has(top):
        data = source.document(top)
        if sha256(data) != top:
            raise UntrustedError(f"the base's registry answers other bytes than {top}")
        layout.put_bytes(data)
    document = layout.read_json(top)
    manifest = _for_platform(document, top, platform) if is_index(document) else top
    if not _is_whole(layout, manifest):
        source.fetch(manifest, layout)
    media_type = INDEX_TYPE if is_index(document) else MANIFEST_TYPE
    size = layout.path(top).stat().st_size
    layout.add_manifest(
        top, size, f"base@{top}", media_type=str(document.get("mediaType") or media_type)
    )
    return manifest


def parts_of(manifest: Mapping[str, Any], digest: str) -> Sequence[str]:
    """Return the digests of a manifest's config and layers.

    Raises:
        UntrustedError: it is no manifest.
    """
    try:
        return [str(one["digest"]) for one in (manifest["config"], *manifest["layers"])]
    except (KeyError, TypeError) as error:
        raise UntrustedError(f"{digest} is not the manifest of an image") from error


def _is_whole(layout: Layout, manifest: str) -> bool:
    return layout.has(manifest) and all(
        map(layout.has, parts_of(layout.read_json(manifest), manifest))
    )


def _for_platform(index: Mapping[str, Any], top: str, platform: str) -> str:
    """Return the digest of the first manifest for a platform, its usual variant before others."""
    system, _, architecture = platform.partition("/")
    usual = _USUAL_VARIANTS.get(architecture, ("",))
    found: dict[str, list[tuple[str, str]]] = {}
    try:
        for one in index["manifests"]:
            where = one.get("platform") or {}
            key = f"{where.get('os')}/{where.get('architecture')}"
            found.setdefault(key, []).append((str(where.get("variant", "")), str(one["digest"])))
    except (KeyError, TypeError, AttributeError) as error:
        raise UntrustedError(f"{top} is not an index of images") from error
    fitting = [
        digest for variant, digest in found.get(f"{system}/{architecture}", ()) if variant in usual
    ]
    if not fitting:
        there = sorted(key for key in found if key != "unknown/unknown" and "None" not in key)
        raise BaseError(
            f"the base has no image for {platform}",
            help=f"it has them for: {', '.join(there)[:300] or 'no platform'}",
        )
    return fitting[0]


def _object(data: bytes, digest: str) -> dict[str, Any]:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise UntrustedError(f"{digest} is not JSON") from error
    if not isinstance(value, dict):
        raise UntrustedError(f"{digest} is not a JSON object")
    return value


def _limited(path: Path) -> bytes:
    with path.open("rb") as stream:
        data = stream.read(MAX_DOCUMENT + 1)
    if len(data) > MAX_DOCUMENT:
        raise UntrustedError(f"{path} has more than {MAX_DOCUMENT >> 20} MiB")
    return data


def _not_there(digest: str, root: Path) -> UntrustedError:
    return UntrustedError(f"{digest} is not in {root}", help="copy the whole image there")


def _altered(digest: str, root: Path) -> UntrustedError:
    hint = "copy the image there once more"
    return UntrustedError(f"{digest} in {root} does not have the bytes of its digest", help=hint)
