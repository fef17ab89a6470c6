"""What a Kubernetes API server says when it does not do what it is asked, in our words."""

from __future__ import annotations

import json
from typing import Any, Final

from xtask.errors import TargetError

_CONFLICT: Final = 409
_REMEDIES: Final = {
    401: "log in to the cluster again, or get a new kubeconfig",
    403: "the account of the context needs a role for this: docs/releases.md lists what",
    404: "the namespace or this kind of object is not there; Kubernetes 1.30 or newer is needed",
}
_UNREACHABLE: Final = (
    "look at the server of the context: `kubectl cluster-info`; or name another one with `context`"
)
_AGAIN: Final = "somebody else changes it at this moment: repeat the command"
_DRIFT: Final = (
    "somebody has changed it by hand or with another tool: let that one go"
    " (`kubectl get --show-managed-fields`), then `xtask redeploy`"
)


class Outdated(TargetError):  # noqa: N818 - what it is; who can look again does
    """An object is another version than the one that should be changed."""


def refused(status: int, body: bytes, subject: str) -> TargetError:
    """Return what the server's answer to a request about `subject` means."""
    said = _status(body)
    message = str(said.get("message") or body.decode(errors="replace")[:200] or status)
    if status != _CONFLICT:
        help = _REMEDIES.get(status) or "the cluster's events say more"  # noqa: A001 - as there
        return TargetError(f"{subject}: {message}", help=help)
    if not (owned := owners(body)):
        return Outdated(f"{subject}: {message}", help=_AGAIN)
    return TargetError(f"{subject} has drifted: {', '.join(owned)}", help=_DRIFT)


def owners(body: bytes) -> list[str]:
    """Return whose which field is that an apply would have changed, where that is what is wrong."""
    causes = (_status(body).get("details") or {}).get("causes") or ()
    return [
        f"{each.get('field')}, {each.get('message')}"
        for each in causes
        if each.get("reason") == "FieldManagerConflict"
    ]


def unreachable(doing: str, error: Exception) -> TargetError:
    """Return that no server answered, or not to the end."""
    words = " ".join(str(error).split()) or type(error).__name__
    return TargetError(f"{doing}: the cluster is not reachable ({words})", help=_UNREACHABLE)


def _status(body: bytes) -> dict[str, Any]:
    """Return the `Status` object of an answer, empty when it is none."""
    try:
        said = json.loads(body)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}
