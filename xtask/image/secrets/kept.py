"""What the search keeps in the cache, read back: rows, each a list of values of known types."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence


def rows(document: object, fields: Sequence[type]) -> list[list[Any]]:
    """Return a JSON value as rows of exactly these types.

    Raises:
        ValueError: it is something else.
    """
    if isinstance(document, list) and all(
        isinstance(row, list) and [*map(type, row)] == fields for row in document
    ):
        return document
    raise ValueError("these are no rows of this kind")
