"""`DELETE /vms/:name`."""

from http import HTTPStatus

from module_sdk import Context, HTTPException

from .. import inventory


async def handler(context: Context, name: str) -> dict[str, str]:
    """Remove a virtual machine, or answer 404."""
    if not await inventory.remove(context.db, name):
        raise HTTPException(HTTPStatus.NOT_FOUND, "no such machine")
    context.publish("vm.deleted", {"name": name})
    return {"deleted": name}
