"""The content of an entry: exactly as long as declared, with the declared check sum."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from xtask.archives.refusals import refusal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

    from xtask.archives.listing import Entry

_PIECE = 1 << 16


def take(stream: BinaryIO, start: int, size: int) -> bytes:
    """Return exactly `size` bytes of the archive.

    Raises:
        ArchiveError: they are not there any more; callers ask inside the size that it had.
    """
    stream.seek(start)
    data = stream.read(size)
    if len(data) != size:
        raise refusal("truncated")
    return data


def pieces(stream: BinaryIO, entry: Entry) -> Iterator[bytes]:
    """Yield the content in pieces of at most 64 KiB, never more of it than declared.

    Whoever does not read to the end does not know whether it was what it should be.

    Raises:
        ArchiveError: it cannot be decompressed, or has another size or check sum than declared.
    """
    packed = _packed(stream, entry)
    length = crc = 0
    for piece in _inflated(packed, entry.path) if entry.deflated else packed:
        length += len(piece)
        if length > entry.size:
            raise refusal("longer-than-declared", entry.path)
        crc = zlib.crc32(piece, crc)
        yield piece
    if length != entry.size:
        raise refusal("size-mismatch", entry.path)
    if crc != entry.crc:
        raise refusal("crc-mismatch", entry.path)


def _packed(stream: BinaryIO, entry: Entry) -> Iterator[bytes]:
    end = entry.start + entry.packed
    for start in range(entry.start, end, _PIECE):
        yield take(stream, start, min(_PIECE, end - start))


def _inflated(packed: Iterator[bytes], path: str) -> Iterator[bytes]:
    """Yield what the deflate stream (RFC 1951) holds; it has to end where its bytes do."""
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        for taken in packed:
            rest = taken
            while rest and not inflater.eof:
                yield inflater.decompress(rest, _PIECE)
                rest = inflater.unconsumed_tail
            if inflater.unused_data or rest:
                raise refusal("damaged-content", path)
        # What the last input stands for may be more than the last piece could hold.
        while last := inflater.decompress(b"", _PIECE):
            yield last
    except zlib.error as error:
        raise refusal("damaged-content", path) from error
    if not inflater.eof:
        raise refusal("damaged-content", path)
