"""From an image layout into a registry: blobs, then what refers to them, and the tag at the end.

At no moment does a manifest lie in the registry that names a blob which does not.
"""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from xtask.digest import sha256
from xtask.errors import UntrustedError
from xtask.image.layout import INDEX_TYPE, MANIFEST_TYPE, REFERENCE
from xtask.image.registry.client import referrers_index, referrers_tag
from xtask.image.registry.documents import (
    INDEX_TYPES,
    Descriptor,
    ManifestParts,
    media_type_of,
    parse_index,
    parse_manifest,
)
from xtask.image.registry.errors import RegistryError
from xtask.image.registry.parallel import Meter, in_parallel
from xtask.image.registry.transport import MAX_DOCUMENT
from xtask.image.registry.upload import mount_blob, upload_blob

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from xtask.image.layout import Layout
    from xtask.image.registry.client import Repository
    from xtask.image.registry.parallel import Listener

# Two writers of one fallback index: each adds its own until it finds it there.
_TURNS = 4


class Pushed(NamedTuple):
    """What a push did: the blobs that were sent, mounted, or there before, and bytes of bodies."""

    digest: str
    uploaded: tuple[Descriptor, ...]
    mounted: tuple[Descriptor, ...]
    skipped: tuple[Descriptor, ...]
    bytes_sent: int
    manifests: tuple[str, ...] = ()


class _Document(NamedTuple):
    data: bytes
    media_type: str

    @property
    def digest(self) -> str:
        return sha256(self.data)


def push_image(  # noqa: PLR0913 - what a push is made of
    layout: Layout,
    digest: str,
    repository: Repository,
    *,
    tags: Sequence[str],
    mount_from: Sequence[str] = (),
    progress: Listener | None = None,
) -> Pushed:
    """Push an image, or an index with its images, and let the tags name it.

    Args:
        layout: where it is.
        digest: of its manifest or index.
        repository: where to.
        tags: what names it afterwards, each set in one step.
        mount_from: other repositories of the registry that may have its blobs.
        progress: told the bytes done and their total.

    Raises:
        UntrustedError: the image is not complete or altered, or the registry stores something else.
        RegistryError: the registry refuses it, or fails again and again.
    """
    before = repository.transport.sent
    top, images = _documents(layout, digest)
    parts = [parse_manifest(image.data) for image in images]
    outcome = _Blobs(layout, repository, tuple(mount_from), progress).push(parts)
    _publish(repository, top, images, tags)
    documents = {one.digest: None for one in (*images, top)}
    sent = repository.transport.sent - before
    return Pushed(digest, *outcome, bytes_sent=sent, manifests=tuple(documents))


def push_referrers(layout: Layout, digest: str, repository: Repository) -> Pushed:
    """Push every manifest of the layout whose subject is `digest`, sorted by digest.

    One that the layout has under a tag, as cosign wants it, gets that tag in the registry too.
    A registry that does not say that it has understood the subject gets an index of them under a
    tag instead (OCI Distribution Specification 1.1, "Pushing Manifests with Subject").

    Raises:
        UntrustedError: something is not complete or altered, or the registry stores something else.
        RegistryError: the registry refuses it, or fails again and again.
    """
    before = repository.transport.sent
    found = _referrers(layout, digest)
    parts = [parse_manifest(document.data) for document, _ in found.values()]
    outcome = _Blobs(layout, repository, (), None).push(parts)
    unseen = []
    for document, tag in found.values():
        for name in (document.digest, tag) if tag else (document.digest,):
            headers = repository.put_manifest(document.data, document.media_type, name)
        if headers.get("OCI-Subject") != digest:
            unseen.append(_listed(document))
    if unseen:
        _list_under_tag(repository, digest, unseen)
    sent = repository.transport.sent - before
    return Pushed(digest, *outcome, bytes_sent=sent, manifests=tuple(found))


class _Blobs(NamedTuple):
    """Blobs of a layout on their way into a repository."""

    layout: Layout
    repository: Repository
    mount_from: tuple[str, ...]
    progress: Listener | None

    def push(
        self, parts: Sequence[ManifestParts]
    ) -> tuple[tuple[Descriptor, ...], tuple[Descriptor, ...], tuple[Descriptor, ...]]:
        """Return what was uploaded, mounted and skipped, after every blob is there."""
        configs = {one.config.digest: one.config for one in parts}
        layers = {one.digest: one for part in parts for one in part.layers}
        ordered = [one for key, one in layers.items() if key not in configs], [*configs.values()]
        meter = Meter(sum(one.size for group in ordered for one in group), self.progress)

        def ensure(blob: Descriptor) -> str:
            return self._ensure(blob, meter)

        how: dict[str, list[Descriptor]] = {"uploaded": [], "mounted": [], "skipped": []}
        for group in ordered:
            for blob, way in zip(
                group, in_parallel(ensure, group, self.repository.retries), strict=True
            ):
                how[way].append(blob)
        return tuple(how["uploaded"]), tuple(how["mounted"]), tuple(how["skipped"])

    def _ensure(self, blob: Descriptor, meter: Meter) -> str:
        # Each is asked for: an image that the repository still has may have lost its blobs since,
        # and not every registry looks before it takes a manifest.
        if self.repository.has_blob(blob.digest, blob.size):
            meter.at(blob.digest, blob.size)
            return "skipped"
        if mount_blob(self.repository, blob, self.mount_from):
            meter.at(blob.digest, blob.size)
            return "mounted"
        if not self.layout.has(blob.digest):
            raise UntrustedError(
                f"blob {blob.digest} is missing here and at the registry", help="build again"
            )
        upload_blob(
            self.repository, blob, self.layout.path(blob.digest), partial(meter.at, blob.digest)
        )
        return "uploaded"


def _documents(layout: Layout, digest: str) -> tuple[_Document, list[_Document]]:
    """Return what `digest` names, and the image manifests that it leads to."""
    top = _read(layout, digest)
    if top.media_type not in INDEX_TYPES:
        return top, [top]
    entries = {entry.descriptor.digest: entry.descriptor for entry in parse_index(top.data)}
    images = [_read(layout, one) for one in entries]
    for image in images:
        if image.media_type in INDEX_TYPES or len(image.data) != entries[image.digest].size:
            raise UntrustedError(f"index {digest} and manifest {image.digest} do not fit")
    return top, images


def _publish(
    repository: Repository, top: _Document, images: Iterable[_Document], tags: Sequence[str]
) -> None:
    for image in images:
        if image != top:
            repository.put_manifest(image.data, image.media_type, image.digest)
    for name in tags or [top.digest]:
        repository.put_manifest(top.data, top.media_type, name)


def _read(layout: Layout, digest: str) -> _Document:
    """Return a manifest or an index of the layout, after checking its bytes."""
    data = layout.read_bytes(digest, MAX_DOCUMENT)
    stated = layout.read_json(digest)
    default = INDEX_TYPE if "manifests" in stated else MANIFEST_TYPE
    return _Document(data, media_type_of(data, str(stated.get("mediaType") or default)))


def _referrers(layout: Layout, digest: str) -> dict[str, tuple[_Document, str]]:
    """Return by digest the manifests about an image, each with the tag that it wants, if any."""
    found = {}
    for line in sorted(layout.referrers(digest), key=lambda one: str(one["digest"])):
        document = _read(layout, str(line["digest"]))
        subject = json.loads(document.data).get("subject")
        if not isinstance(subject, dict) or subject.get("digest") != digest:
            raise UntrustedError(f"evidence {document.digest} is not about {digest}")
        found[document.digest] = document, str(line.get("annotations", {}).get(REFERENCE, ""))
    return found


def _listed(document: _Document) -> dict[str, Any]:
    """Return the descriptor of a referrer, as the referrers API would list it."""
    manifest = json.loads(document.data)
    kind = manifest.get("artifactType") or manifest["config"]["mediaType"]
    annotations = manifest.get("annotations")
    return {
        "mediaType": document.media_type,
        "digest": document.digest,
        "size": len(document.data),
        "artifactType": kind,
        **({"annotations": annotations} if annotations else {}),
    }


def _list_under_tag(repository: Repository, digest: str, ours: list[dict[str, Any]]) -> None:
    """Add descriptors to the fallback index; nobody can lock it, so look whether they stay."""
    for _ in range(_TURNS):
        there = {one["digest"]: one for one in repository.tagged_referrers(digest)}
        if all(one["digest"] in there for one in ours):
            return
        merged = [*(there | {one["digest"]: one for one in ours}).values()]
        repository.put_manifest(referrers_index(merged), INDEX_TYPE, referrers_tag(digest))
    raise RegistryError(
        f"somebody else changes {referrers_tag(digest)} at the same time", help="push again"
    )
