"""An image as the tar stream that `docker load` reads, made on the fly.

It is an image layout and a docker-archive at once: `manifest.json` names the layout's own blobs.
Every Engine since 20.10 takes it, and the containerd store keeps the manifest's digest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xtask.digest import canonical_json, hex_of
from xtask.errors import UntrustedError, UsageError, XtaskError
from xtask.image import ustar
from xtask.image.layer import DIRECTORY, FILE
from xtask.image.layout import MANIFEST_TYPE, MARKER, REFERENCE, index_json
from xtask.image.registry.reference import parse_reference

if TYPE_CHECKING:
    from collections.abc import Iterator

    from xtask.image.layout import Layout

# Without it, and in full, the containerd store imports the image without a name.
_CONTAINERD_NAME = "io.containerd.image.name"
_PIECE = 1 << 20


def hybrid_archive(
    layout: Layout, image: str, *, name: str, known: frozenset[str] = frozenset()
) -> Iterator[bytes]:
    """Return the archive of the image, in pieces.

    Args:
        layout: where the image's blobs are.
        image: digest of the image's manifest.
        name: `repository:tag` that the image gets in the Engine.
        known: diff IDs of the layers that the Engine has already; their blobs are left out. An
            Engine finds a layer only above the same layers as before, so name those that the image
            has in common with a loaded one from the bottom up.

    Raises:
        XtaskError: `name` has no tag.
        UntrustedError: manifest or config are missing or altered; while iterating, a layer is.
    """
    full = canonical_name(name)
    manifest, config = layout.read_image(image)
    layers = manifest["layers"]
    wanted = {
        layer["digest"]: layer["size"]
        for layer, diff_id in zip(layers, config["rootfs"]["diff_ids"], strict=True)
        if diff_id not in known
    }
    size = layout.path(image).stat().st_size
    wanted |= {image: size, manifest["config"]["digest"]: manifest["config"]["size"]}
    documents = {
        "index.json": _index(image, size, full),
        "manifest.json": _docker_manifest(manifest, name),
        "oci-layout": MARKER,
    }
    return _stream(layout, wanted, documents)


def canonical_name(name: str) -> str:
    """Return the name with its registry, as the Engine's reference grammar completes it.

    Raises:
        XtaskError: it is not `repository:tag`.
    """
    try:
        reference = parse_reference(name)
    except UsageError:
        reference = None
    if reference is None or reference.tag is None or reference.digest is not None:
        raise XtaskError(f"image name {name!r} is not like registry.example/shop:1")
    return str(reference)


def _index(image: str, size: int, name: str) -> bytes:
    annotations = {_CONTAINERD_NAME: name, REFERENCE: name.rpartition(":")[2]}
    descriptor = {
        "mediaType": MANIFEST_TYPE,
        "digest": image,
        "size": size,
        "annotations": annotations,
    }
    return index_json([descriptor])


def _docker_manifest(manifest: dict[str, Any], name: str) -> bytes:
    return canonical_json(
        [
            {
                "Config": _member(manifest["config"]["digest"]),
                "Layers": [_member(layer["digest"]) for layer in manifest["layers"]],
                "RepoTags": [name],
            }
        ]
    )


def _member(digest: str) -> str:
    return f"blobs/sha256/{hex_of(digest)}"


def _stream(layout: Layout, wanted: dict[str, int], documents: dict[str, bytes]) -> Iterator[bytes]:
    for folder in ("blobs", "blobs/sha256"):
        yield ustar.header(folder, ustar.Kind.DIRECTORY, mode=DIRECTORY)
    for digest, size in sorted(wanted.items()):
        yield ustar.header(_member(digest), ustar.Kind.FILE, mode=FILE, size=size)
        yield from _blob(layout, digest, size)
        yield ustar.padding(size)
    for path, data in sorted(documents.items()):
        yield ustar.header(path, ustar.Kind.FILE, mode=FILE, size=len(data))
        yield data + ustar.padding(len(data))
    yield ustar.END


def _blob(layout: Layout, digest: str, size: int) -> Iterator[bytes]:
    """Yield the blob; the Engine checks its hash, but the archive itself needs the right length."""
    try:
        with layout.path(digest).open("rb") as stream:
            left = size
            while piece := stream.read(_PIECE):
                left -= len(piece)
                yield piece
    except FileNotFoundError as error:
        raise UntrustedError(f"blob {digest} is missing", help="build again") from error
    if left:
        raise UntrustedError(f"blob {digest} does not have its {size} bytes", help="build again")
