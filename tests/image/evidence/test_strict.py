from __future__ import annotations

import pytest

from xtask.errors import UntrustedError
from xtask.image.evidence.strict import read_object, require_keys


@pytest.mark.parametrize(
    "data",
    [
        b'{"a":1,"a":2}', b'{"a":{"b":1,"b":1}}', b'{"a":1.5}', b'{"a":NaN}', b'{"a":-Infinity}',
        b"[1]", b'"a"', b"", b"{", b'{"a":"\xff"}', b"\xef\xbb\xbf{}", b'{"a":"\\ud800"}',
        b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", b'{"a":' + b"9" * 10_000 + b"}",
    ],
    ids=lambda data: repr(data[:12]),
)  # fmt: skip
def test_refuses_json_that_two_readers_could_read_differently(data: bytes) -> None:
    with pytest.raises(UntrustedError, match="it"):
        read_object(data, "it")


def test_refuses_more_bytes_than_allowed() -> None:
    assert read_object(b'{"a":"b"}', "it", limit=9) == {"a": "b"}
    with pytest.raises(UntrustedError, match="has 9 bytes, and may have 8"):
        read_object(b'{"a":"b"}', "it", limit=8)


def test_an_object_has_exactly_its_fields() -> None:
    assert require_keys({"a": 1, "c": 3}, ["a"], "it", optional=["c", "d"]) == {"a": 1, "c": 3}
    with pytest.raises(UntrustedError, match="unknown field 'b'"):
        require_keys({"a": 1, "b": 2}, ["a"], "it")
    with pytest.raises(UntrustedError, match="no field 'a'"):
        require_keys({}, ["a"], "it")
    with pytest.raises(UntrustedError, match="not an object"):
        require_keys([], ["a"], "it")
