"""Fetching a file from an address: encrypted or from this machine, limited in size and time."""

from __future__ import annotations

import re
import time
from http.client import HTTPException
from typing import TYPE_CHECKING
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, ProxyHandler, Request, build_opener

from xtask.errors import XtaskError
from xtask.manifest.grammar import DOWNLOAD

if TYPE_CHECKING:
    from http.client import HTTPMessage, HTTPResponse
    from typing import IO

_PIECE = 1 << 16


class _SameScheme(HTTPRedirectHandler):
    """Follows redirects that stay as safe as the address that was asked for."""

    def redirect_request(  # noqa: PLR0913, PLR0917 - the signature of urllib
        self,
        req: Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: HTTPMessage,
        newurl: str,
    ) -> Request | None:
        """Return the request for where a redirect leads.

        Raises:
            HTTPError: it leads to another scheme, or out of this machine in plain text.
        """
        is_same = urlsplit(newurl).scheme == urlsplit(req.full_url).scheme
        if not is_same or not re.fullmatch(DOWNLOAD.pattern, newurl):
            raise HTTPError(req.full_url, code, "it leads to another scheme", headers, fp)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def fetch(address: str, *, limit: int, seconds: float = 60) -> bytes:
    """Return what is at an address.

    Args:
        address: one that follows `grammar.DOWNLOAD`.
        limit: how many bytes it may have.
        seconds: how long the server may be silent, and how long its answer may take.

    Raises:
        XtaskError: nobody answers, or with an error; it is too large, too slow, or cut short.
    """
    if not re.fullmatch(DOWNLOAD.pattern, address):
        raise XtaskError(f"{address} is not {DOWNLOAD.meaning}", help=DOWNLOAD.rule)
    # No proxy knows this machine's own addresses as we do.
    proxies = [ProxyHandler({})] if address.startswith("http:") else []
    request = Request(address, headers={"User-Agent": "xtask"})  # noqa: S310 - checked above
    try:
        with build_opener(_SameScheme, *proxies).open(request, timeout=seconds) as response:
            return _content(response, limit, time.monotonic() + seconds)
    except (OSError, HTTPException, ValueError) as error:
        reason, code = getattr(error, "reason", None) or error, ""
        if isinstance(error, HTTPError):  # it is the answer too, and keeps its connection
            code = f"{error.code} "
            error.close()
        raise XtaskError(
            f"cannot fetch {address}: {code}{reason}",
            help="check the address, your access to it, and the network",
        ) from error


def _content(response: HTTPResponse, limit: int, deadline: float) -> bytes:
    """Return the body of an answer.

    Raises:
        ValueError: it is too large, too slow, or shorter than it said.
    """
    data = bytearray()
    while piece := response.read1(_PIECE):
        data += piece
        if len(data) > limit:
            raise ValueError(f"it is larger than {limit >> 20} MiB")
        if time.monotonic() > deadline:
            raise ValueError("it takes too long")
    length = response.headers.get("Content-Length")
    if length is not None and length != str(len(data)):
        raise ValueError(f"it ended after {len(data)} of {length[:20]} bytes")
    return bytes(data)
