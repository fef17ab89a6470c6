"""The compressor gives bytes that every machine gives, and says so when this one does not."""

from __future__ import annotations

import gzip
import types
import zlib
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xtask.digest import sha256
from xtask.errors import UntrustedError, XtaskError
from xtask.image import deflate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def other_zlib(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A library below Python that is called zlib, and is none: one with other parameters."""

    def compressobj(level: int, method: int, bits: int, memory: int) -> Any:
        return zlib.compressobj(level, method, bits, memory + 1)

    other = types.SimpleNamespace(**{**vars(zlib), "compressobj": compressobj})
    monkeypatch.setattr(deflate, "zlib", other)
    deflate.is_classic_zlib.cache_clear()
    yield
    deflate.is_classic_zlib.cache_clear()


def test_compresses_to_the_bytes_that_it_always_has() -> None:
    made = b"".join(deflate.compressed([b"one layer\n" * 100]))
    assert made.hex() == (
        "1f8b08000000000000ff"  # no name, no time, no system
        "cbcf4b55c849ac4c2de2ca1f658db24659c3940500"
        "f1028442"  # CRC-32
        "e8030000"  # 1,000 bytes
    )


@given(st.lists(st.binary(max_size=5000)))
def test_standard_tools_unpack_it_and_pieces_do_not_matter(pieces: list[bytes]) -> None:
    made = b"".join(deflate.compressed(pieces))
    assert gzip.decompress(made) == b"".join(pieces)
    assert made == b"".join(deflate.compressed([b"".join(pieces)]))


@pytest.mark.usefixtures("other_zlib")
def test_another_zlib_stops_it_before_the_first_byte_and_names_the_way_out() -> None:
    with pytest.raises(XtaskError, match="classic zlib") as caught:
        next(deflate.compressed([b""]))
    assert 'compression = "none"' in str(caught.value.help)


def test_unpacked_digest_is_of_all_members(tmp_path: Path) -> None:
    path = tmp_path / "layer"
    path.write_bytes(gzip.compress(b"one") + gzip.compress(b"two"))
    assert deflate.unpacked_digest(path, "it") == sha256(b"onetwo")


@pytest.mark.parametrize(
    "data",
    [
        b"no gzip",
        gzip.compress(b"x" * 9999)[:-9],
        gzip.compress(b"x" * 9999)[:-4] + b"\0\0\0\0",
        gzip.compress(b"x" * 9999) + b"more",
        b"\x1f\x8b\x08\x00" + bytes(6) + b"\xff\xff\xff",
    ],
    ids=["other", "cut off", "wrong length", "more behind", "no deflate"],
)
def test_refuses_what_is_damaged(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "layer"
    path.write_bytes(data)
    with pytest.raises(UntrustedError, match="it cannot be unpacked"):
        deflate.unpacked_digest(path, "it")


def test_refuses_what_unpacks_to_more_than_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "layer"
    path.write_bytes(gzip.compress(bytes(3 << 20)))
    assert deflate.unpacked_digest(path, "it", limit=3 << 20) == sha256(bytes(3 << 20))
    with pytest.raises(UntrustedError, match="unpacks to more than"):
        deflate.unpacked_digest(path, "it", limit=(3 << 20) - 1)
