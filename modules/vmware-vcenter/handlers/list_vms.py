"""`GET /vms`."""

from module_sdk import Context

from ..inventory import Machine, list_all


async def handler(context: Context) -> list[Machine]:
    """Return every virtual machine, by name."""
    return await list_all(context.db)
