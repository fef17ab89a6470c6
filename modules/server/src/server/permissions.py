"""Who may do what: an administrator everything, anybody else only what ends in `.read`."""

import hmac
from collections.abc import Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from fastapi import Depends, HTTPException, Request

if TYPE_CHECKING:
    from server.context import Runtime

_CHALLENGE = {"WWW-Authenticate": "Bearer"}


def require(permission: str) -> Any:  # noqa: ANN401 - FastAPI's marker has no public type
    """Return the dependency that refuses a request without `permission`.

    Answers 401 to a wrong token, and to an anonymous request for more than reading (RFC 6750
    section 3).
    """

    def check(request: Request) -> None:
        if permission not in permissions_of(request):
            raise HTTPException(HTTPStatus.UNAUTHORIZED, f"needs {permission}", headers=_CHALLENGE)

    return Depends(check)


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
    """Return the permissions that need no token."""
    return frozenset(name for name in permissions if name.endswith(".read"))


def _is_administrator(header: str, admin_token: str) -> bool:
    scheme, _, token = header.partition(" ")
    # Constant time, so that the answer's delay says nothing about the token.
    matches = hmac.compare_digest(token.strip().encode(), admin_token.encode())
    return matches and bool(admin_token) and scheme.lower() == "bearer"
