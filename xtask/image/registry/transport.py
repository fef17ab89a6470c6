"""Requests to one registry over HTTP: time limits, credentials, redirections, tries again."""

from __future__ import annotations

import contextlib
import http
import json
import math
import threading
import time
import urllib.request
from typing import TYPE_CHECKING, NamedTuple, Self

import urllib3

from xtask import __version__
from xtask.errors import UntrustedError
from xtask.image.registry.addresses import (
    followed,
    is_loopback,
    origin,
    registry_address,
    without_query,
)
from xtask.image.registry.auth import Authorization
from xtask.image.registry.credentials import find_credentials
from xtask.image.registry.errors import RegistryError, plain, said

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from types import TracebackType

    from xtask.image.registry.auth import Scopes, TokenRequest
    from xtask.image.registry.retries import Retries

WORKERS = 4
"""Requests at the same time, each on a connection that stays open."""

MAX_DOCUMENT = 4 << 20
"""Bytes of a manifest, an index or any other answer that is read as a whole."""

_CONNECT_SECONDS, _READ_SECONDS, _DOCUMENT_SECONDS = 10, 60, 120
_PIECE = 1 << 16
_MAX_HOPS = 5
_MAX_TOKEN = 1 << 16
_OK = 200
_UNAUTHORIZED = 401
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_SAME_METHOD = frozenset({307, 308})
_TRANSIENT = frozenset({408, 429, 500, 502, 503, 504})


class Answer(NamedTuple):
    """What came back, read to its end; `url` is where from, after redirections."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str


class Request(NamedTuple):
    """A request; `body` is called for each try, `size` is how many bytes it gives."""

    method: str
    url: str
    scopes: Scopes
    headers: Mapping[str, str] = {}
    body: Callable[[], Iterable[bytes]] | None = None
    size: int = 0


class Transport:
    """A registry's connections; used by several threads, closed at the end.

    `sent` counts the bytes of all bodies, those of failed tries included.
    """

    def __init__(self, registry: str, retries: Retries) -> None:
        """Connect to nothing yet."""
        self.registry = registry
        self.address = registry_address(registry)
        self.retries = retries
        self.sent = 0
        self._lock = threading.Lock()
        self._pools: dict[str | None, urllib3.PoolManager] = {}
        self._authorization = Authorization(
            registry, self.address, lambda: find_credentials(registry), self._fetch_token
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the connections."""
        for pool in self._pools.values():
            pool.clear()

    def ask(self, request: Request, *expected: int, limit: int = MAX_DOCUMENT) -> Answer:
        """Return the answer to a request that may be sent again; `expected` are fine.

        Raises:
            RegistryError: another status, or no answer.
            UntrustedError: more than `limit` bytes, or a redirection that is refused.
        """
        return self.retries.run(lambda: self.ask_once(request, *expected, limit=limit))

    def ask_once(self, request: Request, *expected: int, limit: int = MAX_DOCUMENT) -> Answer:
        """Do what `ask` does, without trying again."""
        response, url = self.open(request)
        with response:
            headers = response.headers
            body = self._read(response, url, limit)
            if response.status not in expected:
                raise self.refused(request, response.status, headers, body)
            return Answer(response.status, headers, body, url)

    def open(self, request: Request) -> tuple[urllib3.BaseHTTPResponse, str]:
        """Return an answer that is still to be read and closed, and where it came from.

        Raises:
            RegistryError: no answer.
            UntrustedError: a redirection that is refused.
        """
        for _ in range(_MAX_HOPS):
            response = self._authorized(request)
            location = response.headers.get("Location")
            if response.status not in _REDIRECTS or location is None:
                return response, request.url
            if request.method not in {"GET", "HEAD"} and response.status not in _SAME_METHOD:
                return response, request.url
            self._discard(response)
            url = self.followed(location, request.url)
            request = request._replace(url=url)
        raise RegistryError(f"registry {self.registry} redirects without end")

    def followed(self, location: str, base: str) -> str:
        """Return the address that a Location header leads to, when it may."""
        return followed(location, base=base, registry=self.address)

    def refused(
        self, request: Request, status: int, headers: Mapping[str, str], body: bytes
    ) -> RegistryError:
        """Return the error for an answer that nobody can do anything with."""
        code, message = said(body)
        pause = _retry_after(headers.get("Retry-After"))
        phrase = http.HTTPStatus(status).phrase if status in set(http.HTTPStatus) else ""
        words = " ".join(part for part in (str(status), message or phrase) if part)
        hints = {
            401: f"log in with: docker login {self.registry}",
            403: f"log in as somebody who may: docker login {self.registry}",
            404: "check the name of the repository and the image",
            429: f"the registry asks for a pause{_length(pause)}: try again later",
        }
        return RegistryError(
            f"{request.method} {without_query(request.url)}: {words}",
            status=status,
            code=code,
            transient=status in _TRANSIENT,
            retry_after=pause,
            help=hints.get(status),
        )

    def dropped(self, url: str, error: Exception) -> RegistryError:
        """Return the error for an answer that did not come, or not to its end."""
        if isinstance(error, urllib3.exceptions.SSLError):
            hint = "name its authority in the file of SSL_CERT_FILE"
            return RegistryError(
                f"{without_query(url)}: {plain(str(error))}",
                transient="CERTIFICATE" not in str(error),
                help=hint,
            )
        if isinstance(error, urllib3.exceptions.NewConnectionError):
            reason = "cannot be reached"
        elif isinstance(error, urllib3.exceptions.TimeoutError | TimeoutError):
            reason = "takes too long to answer"
        else:
            reason = "dropped the connection"
        return RegistryError(
            f"{without_query(url)}: {origin(url).host} {reason}",
            transient=True,
            help="check [image] in modules.toml, the network, and that the registry is up",
        )

    def _authorized(self, request: Request) -> urllib3.BaseHTTPResponse:
        """Send a request, once more when the registry asks who we are."""
        if origin(request.url) != origin(self.address):
            return self._send(request, None)
        authorization = self._authorization.header(request.scopes)
        response = self._send(request, authorization)
        if response.status != _UNAUTHORIZED:
            return response
        self._discard(response)
        challenge = response.headers.get("WWW-Authenticate", "")
        authorization = self._authorization.challenged(challenge, request.scopes, authorization)
        return self._send(request, authorization)

    def _send(self, request: Request, authorization: str | None) -> urllib3.BaseHTTPResponse:
        self.retries.check()
        headers = {
            "User-Agent": f"xtask/{__version__}",
            "Accept-Encoding": "identity",
            **request.headers,
        }
        if authorization is not None:
            headers["Authorization"] = authorization
        if request.method in {"POST", "PUT", "PATCH"}:
            headers["Content-Length"] = str(request.size)
        body = self._counted(request.body()) if request.body else None
        try:
            return self._pool(request.url).urlopen(
                request.method,
                request.url,
                body=body,
                headers=headers,
                retries=False,
                redirect=False,
                preload_content=False,
                decode_content=False,
                timeout=urllib3.Timeout(connect=_CONNECT_SECONDS, read=_READ_SECONDS),
            )
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise self.dropped(request.url, error) from error

    def _counted(self, pieces: Iterable[bytes]) -> Iterable[bytes]:
        for piece in pieces:
            self.retries.check()
            yield piece
            with self._lock:
                self.sent += len(piece)

    def _read(self, response: urllib3.BaseHTTPResponse, url: str, limit: int) -> bytes:
        """Return a whole body: neither too long nor, one byte at a time, for ever."""
        end, body = time.monotonic() + _DOCUMENT_SECONDS, bytearray()
        try:
            while piece := response.read1(_PIECE):
                body += piece
                if len(body) > limit:
                    message = f"{without_query(url)} sends more than {limit} bytes"
                    raise UntrustedError(message, help="check that this is the right registry")
                if time.monotonic() > end:
                    raise TimeoutError
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise self.dropped(url, error) from error
        return bytes(body)

    def _discard(self, response: urllib3.BaseHTTPResponse) -> None:
        """Read what nobody needs, so that its connection can be used again, unless it is long."""
        with response, contextlib.suppress(urllib3.exceptions.HTTPError, OSError):
            response.read(_MAX_TOKEN)

    def _fetch_token(self, wanted: TokenRequest) -> Mapping[str, object]:
        """Ask the service for a token; it does not get to send our credentials elsewhere."""
        body = (lambda: [wanted.body]) if wanted.body else None
        request = Request(wanted.method, wanted.url, (), wanted.headers, body, len(wanted.body))
        with self._send(request, None) as response:
            data = self._read(response, wanted.url, _MAX_TOKEN)
            if response.status != _OK:
                raise self.refused(request, response.status, response.headers, data)
        try:
            found = json.loads(data)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise RegistryError(f"{without_query(wanted.url)} does not answer with JSON")
        return found

    def _pool(self, url: str) -> urllib3.PoolManager:
        """Return the connections for an address: straight, or through the proxy of the user."""
        parts = origin(url)
        proxy = urllib.request.getproxies().get(parts.scheme)
        if is_loopback(parts.host) or urllib.request.proxy_bypass(parts.host):
            proxy = None
        with self._lock:
            if proxy not in self._pools:
                self._pools[proxy] = (
                    urllib3.ProxyManager(proxy, maxsize=WORKERS)
                    if proxy
                    else urllib3.PoolManager(maxsize=WORKERS)
                )
            return self._pools[proxy]


def _length(pause: float | None) -> str:
    return f" of {pause:g} s" if pause else ""


def _retry_after(header: str | None) -> float | None:
    """Return the seconds of a Retry-After header; a date (RFC 9110 section 10.2.3) is not used."""
    try:
        seconds = float(header or "")
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None
