"""From a registry into an image layout, every byte checked on its way to the disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xtask.errors import UntrustedError, XtaskError
from xtask.image.registry.documents import (
    INDEX_TYPES,
    parse_index,
    parse_manifest,
    pick,
    platform_of_config,
    same_platform,
)
from xtask.image.registry.parallel import Meter, in_parallel

if TYPE_CHECKING:
    from xtask.image.layout import Layout
    from xtask.image.registry.client import Repository
    from xtask.image.registry.documents import Descriptor, ManifestParts
    from xtask.image.registry.parallel import Listener

_MAX_CONFIG = 8 << 20
_MAX_DEPTH = 3


def pull_image(
    repository: Repository,
    digest: str,
    layout: Layout,
    *,
    platform: str | None = None,
    progress: Listener | None = None,
) -> str:
    """Store an image, and return the digest of its manifest.

    What the layout has already is not asked for. The manifest is stored last: while it is not
    there, the image is not.

    Args:
        repository: where from.
        digest: of a manifest, or of an index, which is stored too.
        layout: where to.
        platform: which manifest of an index, like `linux/amd64`; default its only one.
        progress: told the bytes done and their total.

    Raises:
        RegistryError: the registry does not have it, or does not answer.
        UntrustedError: something is not what its digest says.
        XtaskError: there is no image for the platform.
    """
    # A tag may be another image a moment later.
    layout.path(digest)
    digest, data, above = _manifest(repository, digest, platform)
    parts = parse_manifest(data)
    missing = [one for one in parts.blobs if not layout.has(one.digest)]
    meter = Meter(sum(one.size for one in missing), progress)

    def fetch(wanted: Descriptor) -> None:
        _fetch(repository, wanted, layout, meter)

    if parts.config in missing:
        if parts.config.size > _MAX_CONFIG:
            raise UntrustedError(f"the config of {digest} has more than {_MAX_CONFIG} bytes")
        fetch(parts.config)
    _check_config(layout, digest, parts, platform)
    in_parallel(fetch, [one for one in missing if one != parts.config], repository.retries)
    for document in (data, *above):
        layout.put_bytes(document)
    return digest


def _manifest(
    repository: Repository, digest: str, platform: str | None
) -> tuple[str, bytes, list[bytes]]:
    """Return an image manifest, and the indexes that led to it, nearest first."""
    above: list[bytes] = []
    size = None
    while len(above) < _MAX_DEPTH:
        data, media_type = repository.manifest(digest)
        if size not in {None, len(data)}:
            raise UntrustedError(f"manifest {digest} does not have the size that its index says")
        if media_type not in INDEX_TYPES:
            return digest, data, above
        above.insert(0, data)
        _, digest, size = pick(parse_index(data), platform)
    raise UntrustedError(f"the index leads to {_MAX_DEPTH} more indexes")


def _check_config(layout: Layout, digest: str, parts: ManifestParts, platform: str | None) -> None:
    """Refuse an image that is for another machine, or that is none, before its layers come."""
    config = layout.read_json(parts.config.digest)
    found = platform_of_config(config)
    if platform and not same_platform(found, platform):
        raise XtaskError(
            f"image {digest} is for {found or 'an unknown platform'}, not {platform}",
            help="name the digest of an index, or of an image for the platform",
        )
    rootfs = config.get("rootfs")
    diff_ids = rootfs.get("diff_ids") if isinstance(rootfs, dict) else None
    if not isinstance(diff_ids, list) or len(diff_ids) != len(parts.layers):
        raise UntrustedError(f"config and manifest of {digest} list different layers")


def _fetch(repository: Repository, wanted: Descriptor, layout: Layout, meter: Meter) -> None:
    """Store one blob; not a byte more than its descriptor says is written."""
    with layout.new_blob() as blob:
        for piece in repository.blob(wanted.digest):
            if blob.size + len(piece) > wanted.size:
                raise _not_it(wanted, f"more than {wanted.size} bytes", repository)
            blob.write(piece)
            meter.at(wanted.digest, blob.size)
        if blob.size != wanted.size:
            raise _not_it(wanted, f"{blob.size} of {wanted.size} bytes", repository)
        if blob.digest != wanted.digest:
            raise _not_it(wanted, f"the bytes of {blob.digest}", repository)


def _not_it(wanted: Descriptor, sent: str, repository: Repository) -> UntrustedError:
    return UntrustedError(
        f"registry {repository.registry} sends {sent} for blob {wanted.digest}",
        help="nothing of it was kept; the registry or something in front of it is broken",
    )
