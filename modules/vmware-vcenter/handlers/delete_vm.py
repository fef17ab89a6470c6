"""`DELETE /vms/:name`."""

from http import HTTPStatus
from typing import Any

from fastapi import HTTPException

from .. import inventory


def handler(context: Any, name: str) -> dict[str, str]:  # noqa: ANN401 - the unit of work
    """Remove a virtual machine, or answer 404."""
    with context.transaction():
        if not inventory.remove(context.connection, name):
            raise HTTPException(HTTPStatus.NOT_FOUND, "no such machine")
        context.publish("vm.deleted", {"name": name})
    return {"deleted": name}
