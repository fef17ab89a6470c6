"""What a Kubernetes API server says when it does not do what it is asked, in our words."""

from __future__ import annotations

import json
from typing import Any, Final

from xtask.errors import TargetError

_CONFLICT: Final = 409
_REMEDIES: Final = {
    401: "log in to the cluster again, or get a new kubeconfig",
    403: "the account of the context needs a role for this: docs/releases.md lists what",
    404: "the server does not know this kind: it needs Kubernetes 1.30 or newer",
}
_UNREACHABLE: Final = (
    "look at the server of the context: `kubectl cluster-info`; or name another one with `context`"
)
_DRIFT: Final = (
    "somebody has changed it by hand or with another tool: let that one go"
    " (`kubectl get --show-managed-fields`), then `xtask redeploy`"
)


class Outdated(Exception):  # noqa: N818 - what it is, and no error by itself
    """An object is another version than the one that should be changed."""


def refused(status: int, body: bytes) -> TargetError | Outdated:
    """Return what the server's answer to a request means."""
    said = _status(body)
    message = str(said.get("message") or body.decode(errors="replace")[:200] or status)
    if status != _CONFLICT:
        return TargetError(message, help=_REMEDIES.get(status) or "the cluster's events say more")
    causes = (said.get("details") or {}).get("causes") or ()
    owned = [each for each in causes if each.get("reason") == "FieldManagerConflict"]
    return drift(said, owned) if owned else Outdated(message)


def drift(said: dict[str, Any], causes: list[dict[str, Any]]) -> TargetError:
    """Return who owns which fields of an object, and wants them otherwise."""
    details = said.get("details") or {}
    fields = ", ".join(f"{each.get('field')} ({each.get('message')})" for each in causes)
    return TargetError(
        f"{details.get('kind')} {details.get('name')} has drifted: {fields}", help=_DRIFT
    )


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
