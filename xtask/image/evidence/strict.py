"""JSON from elsewhere, read so that no two readers can see different things in it.

RFC 8259 leaves open what two equal keys mean and how deep a value may go; here both are refused.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NoReturn

from xtask.errors import UntrustedError

if TYPE_CHECKING:
    from collections.abc import Collection

MAX_SIZE = 16 << 20
"""Bytes that a document may have: an SBOM of 10,000 packages has 6 MiB."""

# Half of a character: no UTF-8 can say it, so the value could not be written again.
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


def read_object(data: bytes, what: str, *, limit: int = MAX_SIZE) -> dict[str, Any]:
    """Return the JSON object in the bytes.

    Args:
        data: bytes from elsewhere.
        what: how a message calls them.
        limit: bytes that they may have.

    Raises:
        UntrustedError: too long, not UTF-8, not JSON, two equal keys, a fraction, half a character,
            not an object.
    """
    if len(data) > limit:
        raise UntrustedError(f"{what} has {len(data)} bytes, and may have {limit}")
    if _SURROGATE.search(data):
        raise UntrustedError(f"{what} is not the JSON that it should be: an escaped surrogate")
    try:
        value = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_no_key_twice,
            parse_float=_refuse_number,
            parse_constant=_refuse_number,
        )
    except (ValueError, RecursionError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise UntrustedError(f"{what} is not the JSON that it should be: {reason}") from error
    if not isinstance(value, dict):
        raise UntrustedError(f"{what} is not a JSON object")
    return value


def require_keys(
    value: object, keys: Collection[str], what: str, *, optional: Collection[str] = ()
) -> dict[str, Any]:
    """Return the value as an object that has exactly these keys.

    Raises:
        UntrustedError: it is none, or a key is missing or unknown.
    """
    if not isinstance(value, dict):
        raise UntrustedError(f"{what} is not an object")
    if unknown := sorted(value.keys() - {*keys, *optional}):
        raise UntrustedError(f"{what} has the unknown field {unknown[0]!r}")
    if missing := sorted(set(keys) - value.keys()):
        raise UntrustedError(f"{what} has no field {missing[0]!r}")
    return value


def _no_key_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key is there twice")
    return found


def _refuse_number(text: str) -> NoReturn:
    raise ValueError(f"{text[:20]} is not a whole number")
