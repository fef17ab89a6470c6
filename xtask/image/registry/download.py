"""A blob as it comes over the network: a dropped one goes on where it ended, not from its start."""

from __future__ import annotations

from typing import TYPE_CHECKING

import urllib3

from xtask.image.registry.errors import RegistryError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from xtask.image.registry.transport import Request, Transport

_PIECE = 1 << 20
# Less than that between two drops is no progress: the download would take for ever.
_PROGRESS = 1 << 20
_OK, _PARTIAL, _NOTHING_LEFT = 200, 206, 416
_MAX_ERROR = 1 << 16


def pieces(transport: Transport, request: Request, offset: int) -> Iterator[bytes]:
    """Yield what a request gives from `offset` on, going on after drops (RFC 9110 section 14).

    Raises:
        RegistryError: the registry says no, or drops the connection again and again.
    """
    failures, since = 0, offset
    while True:
        try:
            for piece in _from(transport, request, offset):
                transport.retries.check()
                offset += len(piece)
                yield piece
        except RegistryError as error:
            failures = 1 if offset - since >= _PROGRESS else failures + 1
            since = offset
            transport.retries.pause(failures, error)
        else:
            return


def _from(transport: Transport, request: Request, offset: int) -> Iterator[bytes]:
    if offset:
        request = request._replace(headers={**request.headers, "Range": f"bytes={offset}-"})
    response, url = transport.open(request)
    with response:
        try:
            if offset and response.status == _NOTHING_LEFT:
                return
            if response.status not in {_OK, _PARTIAL}:
                body = response.read(_MAX_ERROR)
                raise transport.refused(request, response.status, response.headers, body)
            skipped = _skipped(response, offset)
            while piece := response.read(_PIECE):
                if skipped < len(piece):
                    yield piece[skipped:]
                skipped = max(0, skipped - len(piece))
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise transport.dropped(url, error) from error


def _skipped(response: urllib3.BaseHTTPResponse, offset: int) -> int:
    """Return how much of an answer was there before: all of it, when ranges are not known."""
    if response.status == _OK:
        return offset
    stated = response.headers.get("Content-Range", "")
    if not stated.startswith(f"bytes {offset}-"):
        raise RegistryError(f"asked for bytes from {offset} on, the registry sends {stated!r:.60}")
    return 0
