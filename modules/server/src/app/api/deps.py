"""What the endpoints of FastVue modules depend on.

Depends(get_db)                  a `Session` on the product's database; it is the module's to commit
Depends(get_current_user)        who sent the request; without a token the answer is 401
Depends(get_current_superuser)   the same: the host knows one user, who may do everything
Depends(require_permission("crm.lead.edit"))   refuses a request without it

FastVue's documents name no way to ask for a permission of a manifest: the last one is the host's.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from fastapi import Request
from server.orm import session_on
from server.permissions import authenticated
from server.permissions import check_of as require_permission
from server.sdk import Context
from sqlalchemy.orm import Session

__all__ = [
    "CurrentUser",
    "get_current_active_user",
    "get_current_superuser",
    "get_current_user",
    "get_db",
    "require_permission",
]


@dataclass(frozen=True, slots=True)
class CurrentUser:
    """Whoever sent a request, with the attributes that FastVue's users have."""

    username: str
    permissions: frozenset[str]
    id: int = 1
    is_active: bool = True
    is_superuser: bool = True


def get_db(context: Context) -> Iterator[Session]:
    """Yield a session on the database of the product; what is not committed is undone."""
    with session_on(context.connection) as session:
        yield session


def get_current_user(request: Request) -> CurrentUser:
    """Return who sent the request, or answer 401."""
    user = authenticated(request)
    return CurrentUser(user.name, user.permissions)


get_current_active_user = get_current_superuser = get_current_user
