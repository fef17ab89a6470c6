"""Who may do what: an administrator everything, anybody else only permissions to read."""

import hmac
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from fastapi import Depends, HTTPException, Request

if TYPE_CHECKING:
    from server.context import Runtime

_CHALLENGE = {"WWW-Authenticate": "Bearer"}
_READING = re.compile(r".*[.:]read")


@dataclass(frozen=True, slots=True)
class User:
    """Whoever sent a request: `administrator` or `anonymous`, and what they may do."""

    name: str
    permissions: frozenset[str]


def require(permission: str) -> Any:  # noqa: ANN401 - FastAPI's marker has no public type
    """Return the dependency that refuses a request without `permission`.

    Answers 401 to a wrong token, and to an anonymous request for more than reading (RFC 6750
    section 3).
    """
    return Depends(check_of(permission))


def check_of(permission: str) -> Callable[[Request], User]:
    """Return the function that `require` marks: it returns who sent the request, or answers 401."""

    def check(request: Request) -> User:
        granted = permissions_of(request)
        if permission not in granted:
            raise HTTPException(HTTPStatus.UNAUTHORIZED, f"needs {permission}", headers=_CHALLENGE)
        name = "administrator" if "authorization" in request.headers else "anonymous"
        return User(name, granted)

    return check


def authenticated(request: Request) -> User:
    """Return who sent a request with a token.

    Raises:
        HTTPException: 401, there is no token, or it is wrong.
    """
    if "authorization" not in request.headers:
        raise HTTPException(HTTPStatus.UNAUTHORIZED, "needs a token", headers=_CHALLENGE)
    return User("administrator", permissions_of(request))


def permissions_of(request: Request) -> frozenset[str]:
    """Return the permissions of whoever sent the request.

    Raises:
        HTTPException: 401, a token was sent and is wrong.
    """
    runtime: Runtime = request.app.state.runtime
    header = request.headers.get("authorization")
    if header is None:
        return anonymous(runtime.permissions)
    if _is_administrator(header, runtime.admin_token):
        return runtime.permissions
    raise HTTPException(HTTPStatus.UNAUTHORIZED, "wrong token", headers=_CHALLENGE)


def anonymous(permissions: Iterable[str]) -> frozenset[str]:
    """Return the permissions that need no token: those whose last word is `read`."""
    return frozenset(filter(_READING.fullmatch, permissions))


def _is_administrator(header: str, admin_token: str) -> bool:
    scheme, _, token = header.partition(" ")
    # Constant time, so that the answer's delay says nothing about the token.
    matches = hmac.compare_digest(token.strip().encode(), admin_token.encode())
    return matches and bool(admin_token) and scheme.lower() == "bearer"
