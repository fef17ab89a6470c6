"""What databases does when something happens in the product."""

import logging
from typing import Any

from module_sdk import Context

from .services import instances

_LOG = logging.getLogger("uvicorn.error")


async def on_enable(data: dict[str, Any], context: Context) -> dict[str, Any]:
    """Register the product's own database, which is there from the start."""
    own = await instances.register(context.db, name="app", engine="sqlite", host="localhost")
    _LOG.info("%s %s: %s", data["module"], data["version"], own.address if own else "known")
    return {"registered": own is not None}


async def on_vm_deleted(data: dict[str, Any], context: Context) -> dict[str, Any]:
    """Mark the databases that ran on a virtual machine which is gone."""
    return {"lost": await instances.mark_lost(context.db, host=data["name"])}
