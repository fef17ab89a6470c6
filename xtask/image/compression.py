"""Layers from the tars that were written to the blobs that an image has: gzip, each made once.

What a layer is does not depend on it: a config lists the digests of tars.
"""

from __future__ import annotations

import hashlib
import json
import os
from typing import TYPE_CHECKING

from xtask.digest import canonical_json, hex_of
from xtask.errors import UntrustedError
from xtask.files import write_atomic
from xtask.image.layer import Layer
from xtask.image.layout import GZIP_LAYER_TYPE, Layout
from xtask.image.workers import require_going, workers

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

_PIECE = 1 << 20


def compress(
    layers: Iterable[Layer], tars: Layout, layout: Layout, cache: Path, compressor: str
) -> dict[str, Layer]:
    """Return the compressed layers by diff ID, several at a time.

    Args:
        layers: tars in the layout `tars`.
        tars: where they are.
        layout: where the compressed ones go.
        cache: folder for what can be thrown away.
        compressor: which bytes come out; others have another name.

    Raises:
        UntrustedError: a tar is missing or altered.
        XtaskError: this Python's zlib is another compressor.
    """
    folder, found, wanted = cache / "compressed" / compressor.replace("/", "-"), {}, {}
    for layer in layers:
        if known := _recall(folder, layer.diff_id, layout):
            found[layer.diff_id] = known
        else:
            wanted[layer.diff_id] = layer
    for made in _compress_all([*wanted.values()], tars, layout):
        folder.mkdir(parents=True, exist_ok=True)
        write_atomic(_record(folder, made.diff_id), canonical_json([made.digest, made.size]))
        found[made.diff_id] = made
    return found


def _compress_all(layers: Sequence[Layer], tars: Layout, layout: Layout) -> Iterator[Layer]:
    """Yield each layer compressed, the large ones first so that no thread is left with one."""
    if len(layers) == 1:
        yield _compress(layers[0], tars, layout)
    elif layers:
        largest_first = sorted(layers, key=lambda layer: (-layer.size, layer.diff_id))
        with workers(os.cpu_count() or 1) as pool:
            yield from pool.map(lambda layer: _compress(layer, tars, layout), largest_first)


def _compress(layer: Layer, tars: Layout, layout: Layout) -> Layer:
    from xtask.image.deflate import compressed  # noqa: PLC0415 - start-up

    with layout.new_blob() as blob:
        for piece in compressed(_verified(tars, layer.digest)):
            require_going()
            blob.write(piece)
    return Layer(layer.diff_id, blob.digest, blob.size, GZIP_LAYER_TYPE)


def _verified(tars: Layout, digest: str) -> Iterator[bytes]:
    """Yield the pieces of a tar; after the last one its digest was right.

    Raises:
        UntrustedError: it is missing or altered.
    """
    state, path = hashlib.sha256(), tars.path(digest)
    try:
        with path.open("rb") as stream:
            while piece := stream.read(_PIECE):
                state.update(piece)
                yield piece
    except FileNotFoundError as error:
        raise UntrustedError(f"layer {digest} is missing", help="build again") from error
    if state.hexdigest() != hex_of(digest):
        raise UntrustedError(
            f"layer {digest} does not have the bytes of its digest",
            help=f"remove {path} and build again",
        )


def _record(folder: Path, diff_id: str) -> Path:
    return folder / f"{hex_of(diff_id)}.json"


def _recall(folder: Path, diff_id: str, layout: Layout) -> Layer | None:
    """Return the layer when it was compressed before and its blob is there still."""
    try:
        digest, size = json.loads(_record(folder, diff_id).read_bytes())
        is_there = layout.path(digest).stat().st_size == size
    except (OSError, ValueError, TypeError, UntrustedError):
        return None
    return Layer(diff_id, digest, size, GZIP_LAYER_TYPE) if is_there else None
