"""Hands over to vCenter what was ordered."""

import logging
from datetime import timedelta
from typing import Any

from .. import inventory

_LOG = logging.getLogger(__name__)
_MODULE = "vmware-vcenter"


def handler(context: Any) -> None:  # noqa: ANN401 - the unit of work
    """Synchronise, at most every `syncInterval` hours, if there is a password to do it with.

    No vCenter is asked: this is where a client would be. Each machine that was ordered runs.
    """
    settings = context.settings[_MODULE]
    if not settings.get("vcenterPassword"):
        _LOG.info("vcenterPassword is not set, so nothing is synchronised")
        return
    last = inventory.last_synchronised(context.connection)
    pause = timedelta(hours=settings["syncInterval"])
    if last is None or last + pause <= context.now:
        host = settings["vcenterHost"]
        with context.transaction():
            started = inventory.synchronise(context.connection, host, context.now)
        _LOG.info("%s: %d machines started", host, started)
