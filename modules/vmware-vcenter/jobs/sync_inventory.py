"""Hands over to vCenter what was ordered."""

import logging
from datetime import timedelta

from module_sdk import Context, get_module_config

from .. import inventory

_LOG = logging.getLogger(__name__)
_MODULE = "vmware-vcenter"


async def handler(context: Context) -> None:
    """Synchronise, at most every `syncInterval` hours, if there is a password to do it with.

    No vCenter is asked: this is where a client would be. Each machine that was ordered runs.
    """
    if not get_module_config(_MODULE, "vcenterPassword"):
        _LOG.info("vcenterPassword is not set, so nothing is synchronised")
        return
    last = await inventory.last_synchronised(context.db)
    pause = timedelta(hours=get_module_config(_MODULE, "syncInterval"))
    if last is None or last + pause <= context.now:
        host = get_module_config(_MODULE, "vcenterHost")
        started = await inventory.synchronise(context.db, host, context.now)
        _LOG.info("%s: %d machines started", host, started)
