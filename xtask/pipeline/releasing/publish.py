"""A build's image in its registry, with everything that is said about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from xtask.digest import sha256
from xtask.errors import RefusedError, UntrustedError, UsageError
from xtask.image.layout import Layout
from xtask.image.registry.client import Repository
from xtask.image.registry.push import push_image, push_referrers
from xtask.image.registry.reference import parse_reference
from xtask.pipeline.composing.bases import base_name
from xtask.pipeline.releasing.candidate import base_of, read_bundle

if TYPE_CHECKING:
    from xtask.image.registry.push import Pushed
    from xtask.image.registry.reference import Reference
    from xtask.pipeline.progress import Progress
    from xtask.records.values import Build
    from xtask.settings import Settings


class Published(NamedTuple):
    """Where an image is now, and what had to be sent for that."""

    reference: Reference
    image: Pushed
    evidence: Pushed

    @property
    def bytes_sent(self) -> int:
        """Bytes of all bodies."""
        return self.image.bytes_sent + self.evidence.bytes_sent

    def document(self) -> dict[str, Any]:
        """Return it as a JSON value; blobs by their digest."""
        return {
            "reference": str(self.reference),
            "digest": self.image.digest,
            "uploaded": [blob.digest for blob in self.image.uploaded],
            "mounted": [blob.digest for blob in self.image.mounted],
            "skipped": [blob.digest for blob in self.image.skipped],
            "referrers": list(self.evidence.manifests),
            "bytes_sent": self.bytes_sent,
        }


def publish(settings: Settings, progress: Progress, build: Build) -> Published:
    """Push the image of a build under its tag, then what refers to it.

    The bytes are those of the layout: no Engine has touched them. Its tag never moves.

    Raises:
        UsageError: `[image] repository` names no registry.
        RefusedError: the build has no image.
        UntrustedError: the registry has another image under the tag, or something is altered.
        RegistryError: the registry refuses it, or fails again and again.
    """
    workspace = settings.workspace
    digest = build.image_digest
    if digest is None:
        raise RefusedError(f"build {build.id[:8]} is {build.status}: it has no image")
    reference = _reference(read_bundle(workspace, build).reference)
    layout, tag = Layout(workspace.layout), str(reference.tag)
    with (
        progress.stage("push") as stage,
        Repository(reference, listener=progress.listener.waiting) as repository,
    ):
        found = repository.find_manifest(tag)
        if found and sha256(found[0]) != digest:
            raise UntrustedError(
                f"{reference} is {sha256(found[0])} in the registry, and {digest} here",
                help="one manifest hash has one image: find out who has pushed the other one",
            )
        image = push_image(
            layout,
            digest,
            repository,
            tags=[tag],
            mount_from=_mountable(settings, build, reference),
            progress=progress.listener.advanced,
        )
        published = Published(reference, image, push_referrers(layout, digest, repository))
        stage.cached = not (image.uploaded or image.mounted)
        blobs = len(image.uploaded) + len(image.mounted) + len(image.skipped)
        sent = f"{published.bytes_sent / 1_000_000:.1f} MB"
        stage.detail = f"{len(image.uploaded)} of {blobs} blobs, {sent}"
    return published


def _reference(text: str) -> Reference:
    """Return the name of the image; Docker Hub has to be meant, not only not excluded."""
    reference = parse_reference(text)
    if not text.startswith(f"{reference.registry}/"):
        raise UsageError(
            f"repository `{text.rpartition(':')[0]}` names no registry",
            help=f"write {reference.registry}/… in [image] repository if you mean that one",
        )
    return reference


def _mountable(settings: Settings, build: Build, reference: Reference) -> list[str]:
    """Return the repository of the base, when it is in the same registry."""
    name = base_name(base_of(settings.workspace, build).name)
    if not name:
        return []
    base = parse_reference(name)
    same = base.registry == reference.registry and base.repository != reference.repository
    return [base.repository] if same else []
