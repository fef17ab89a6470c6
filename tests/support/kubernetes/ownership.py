"""Server-side apply: who owns which field, and what becomes of an object when somebody applies one.

<https://kubernetes.io/docs/reference/using-api/server-side-apply/>, with lists and selectors as one
field each.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

Field = tuple[str, ...]
_IDENTITY = {("apiVersion",), ("kind",), ("metadata", "name"), ("metadata", "namespace")}
_IDENTITY |= {("metadata", key) for key in ("uid", "resourceVersion", "creationTimestamp")}
_ATOMIC = {("spec", "selector")}


class ConflictError(Exception):
    """Others own fields, and have other values in them."""

    def __init__(self, causes: list[dict[str, str]]) -> None:
        super().__init__(str(causes))
        self.causes = causes


def fields(value: Any, path: Field = ()) -> Iterator[tuple[Field, Any]]:
    """Yield each field that says something, with its value."""
    if isinstance(value, dict) and value and path not in _ATOMIC:
        for key, inner in value.items():
            yield from fields(inner, (*path, key))
    elif path not in _IDENTITY:
        yield path, value


def applied(live: dict[str, Any] | None, manifest: dict[str, Any], manager: str) -> dict[str, Any]:
    """Return the object after a manager has applied a manifest without force.

    Raises:
        ConflictError: another manager owns a field that would change.
    """
    wanted = dict(fields(manifest))
    if live is None:
        return _managed(copy.deepcopy(manifest), {manager: set(wanted)})
    owners, now = managers(live), dict(fields(_unmanaged(live)))
    causes = [
        {
            "reason": "FieldManagerConflict",
            "message": f'conflict with "{other}"',
            "field": "." + ".".join(field),
        }
        for other, owned in sorted(owners.items())
        for field in sorted(owned)
        if other != manager and field in wanted and now.get(field) != wanted[field]
    ]
    if causes:
        raise ConflictError(causes)
    others = set().union(*(owned for other, owned in owners.items() if other != manager))
    made = copy.deepcopy(live)
    for field in owners.get(manager, set()) - set(wanted) - others:
        _set(made, field, None)
    for field, value in wanted.items():
        _set(made, field, value)
    return _managed(made, owners | {manager: set(wanted)})


def edited(live: dict[str, Any], field: Field, value: Any, manager: str) -> dict[str, Any]:
    """Return the object after somebody has changed a field by hand, which is theirs from then."""
    made = copy.deepcopy(live)
    _set(made, field, value)
    owners = {other: owned - {field} for other, owned in managers(live).items()}
    return _managed(made, owners | {manager: owners.get(manager, set()) | {field}})


def managers(live: dict[str, Any]) -> dict[str, set[Field]]:
    """Return the fields of each manager."""
    found = live["metadata"].get("managedFields", ())
    return {each["manager"]: set(map(tuple, each["fieldsV1"]["paths"])) for each in found}


def _managed(made: dict[str, Any], owners: dict[str, set[Field]]) -> dict[str, Any]:
    made["metadata"]["managedFields"] = [
        {"manager": manager, "operation": "Apply", "fieldsV1": {"paths": sorted(owned)}}
        for manager, owned in sorted(owners.items())
    ]
    return made


def _unmanaged(live: dict[str, Any]) -> dict[str, Any]:
    hidden = {key: live["metadata"][key] for key in live["metadata"] if key != "managedFields"}
    return {**live, "metadata": hidden}


def _set(made: dict[str, Any], field: Field, value: Any) -> None:
    for key in field[:-1]:
        made = made.setdefault(key, {})
    if value is None:
        made.pop(field[-1], None)
    else:
        made[field[-1]] = copy.deepcopy(value)
