"""Answering a registry that asks who we are.

Basic authentication (RFC 7617), and tokens as in github.com/distribution/distribution,
docs/spec/auth: the registry names a service that gives tokens for single repositories.
"""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlencode

from xtask.image.registry.addresses import followed, without_query
from xtask.image.registry.errors import RegistryError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from xtask.image.registry.credentials import Credentials

Scopes = tuple[str, ...]
"""What a token is for, such as `repository:team/shop:pull,push`."""

_SCHEME = re.compile(r"(?:^|,)\s*(Basic|Bearer)(?=\s|,|$)", re.IGNORECASE)
_PARAMETER = re.compile(r'([A-Za-z_]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))')
_TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]+")
_CLIENT = "xtask"


class Challenge(NamedTuple):
    """What the registry wants to see: `basic`, or `bearer` with the service that gives tokens."""

    scheme: str
    parameters: Mapping[str, str]


class TokenRequest(NamedTuple):
    """A request to the service: where, how, and what it must send back."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes


def parse_challenge(header: str) -> Challenge | None:
    """Return what a `WWW-Authenticate` header asks for (RFC 9110 section 11.6.1).

    The one for tokens counts where there are several; None when it is nothing that we know.
    """
    starts = [*_SCHEME.finditer(header)]
    ends = [*(match.start() for match in starts), len(header)][1:]
    found = {
        start[1].lower(): _parameters(header[start.end() : end])
        for start, end in zip(starts, ends, strict=True)
    }
    for scheme in ("bearer", "basic"):
        if scheme in found:
            return Challenge(scheme, found[scheme])
    return None


def _parameters(text: str) -> Mapping[str, str]:
    return {
        name.lower(): re.sub(r"\\(.)", r"\1", quoted) or token
        for name, quoted, token in _PARAMETER.findall(text)
    }


@dataclass(slots=True)
class Authorization:
    """The Authorization header of one registry; several threads share one.

    `find` returns the user's credentials and is called at most once, `fetch` asks the service for
    tokens and returns the JSON object that it answers with.
    """

    registry: str
    address: str
    find: Callable[[], Credentials | None]
    fetch: Callable[[TokenRequest], Mapping[str, object]]
    _challenge: Challenge | None = None
    _credentials: list[Credentials | None] = field(default_factory=list)
    _headers: dict[Scopes, str] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def header(self, scopes: Scopes) -> str | None:
        """Return the header to send; None while the registry has asked for nothing.

        Raises:
            RegistryError: the token service does not give a token.
        """
        with self._lock:
            if self._challenge and scopes not in self._headers:
                self._headers[scopes] = self._answer(self._challenge, scopes)
            return self._headers.get(scopes)

    def challenged(self, header: str, scopes: Scopes, sent: str | None) -> str:
        """Return the header that answers a refusal of the one that was sent.

        Raises:
            RegistryError: there is no answer, or the answer is what was refused.
        """
        with self._lock:
            current = self._headers.get(scopes)
            if current is not None and current != sent:
                return current
            challenge = parse_challenge(header)
            if challenge is None:
                raise self._refused("asks for a way to log in that is not known here")
            answer = self._answer(challenge, scopes)
            if answer == sent:
                raise self._refused("refuses the credentials")
            self._challenge, self._headers[scopes] = challenge, answer
            return answer

    def _answer(self, challenge: Challenge, scopes: Scopes) -> str:
        if not self._credentials:
            self._credentials.append(self.find())
        (credentials,) = self._credentials
        if challenge.scheme == "bearer":
            return "Bearer " + self._token(challenge, scopes, credentials)
        if credentials is None or credentials.identity_token:
            raise self._refused("wants a name and a password")
        return credentials.basic

    def _token(self, challenge: Challenge, scopes: Scopes, credentials: Credentials | None) -> str:
        realm = challenge.parameters.get("realm", "")
        realm = followed(realm, base=self.address, registry=self.address)
        service = challenge.parameters.get("service", "")
        found = self.fetch(_token_request(realm, service, scopes, credentials))
        token = found.get("token") or found.get("access_token")
        # It becomes a header: nothing in it may end one.
        if not isinstance(token, str) or not _TOKEN.fullmatch(token):
            raise RegistryError(f"{without_query(realm)} gives no token")
        return token

    def _refused(self, reason: str) -> RegistryError:
        return RegistryError(
            f"registry {self.registry} {reason}",
            status=401,
            help=f"log in with: docker login {self.registry}",
        )


def _token_request(
    realm: str, service: str, scopes: Scopes, credentials: Credentials | None
) -> TokenRequest:
    """Return the request for a token; with an identity token it is OAuth's (RFC 6749)."""
    named = [("service", service)] if service else []
    if credentials and credentials.identity_token:
        form = [("grant_type", "refresh_token"), *named, ("client_id", _CLIENT)]
        form += [("scope", " ".join(scopes)), ("refresh_token", credentials.identity_token)]
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return TokenRequest("POST", realm, headers, urlencode(form).encode())
    query = urlencode([*named, *(("scope", scope) for scope in scopes)])
    url = f"{realm}{'&' if '?' in realm else '?'}{query}"
    headers = {"Authorization": credentials.basic} if credentials else {}
    return TokenRequest("GET", url, headers, b"")
