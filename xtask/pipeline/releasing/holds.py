"""The stories of a hold: nothing is promoted to an environment until somebody ends it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xtask.diagnostics import did_you_mean, listed
from xtask.errors import RefusedError
from xtask.manifest.table import shortened
from xtask.records.store import open_records
from xtask.redaction import redacted

if TYPE_CHECKING:
    from xtask.records.values import Hold
    from xtask.settings import Settings


def hold(settings: Settings, *, environment: str, reason: str) -> Hold:
    """Refuse promotions to an environment from now on.

    Raises:
        RefusedError: nothing was ever promoted there, it is held already, or no reason is given.
    """
    _require_known(settings, environment)
    with open_records(settings.database_url) as records:
        return records.hold_environment(environment, actor=settings.actor, reason=redacted(reason))


def unhold(settings: Settings, *, environment: str, reason: str) -> Hold:
    """End the hold of an environment.

    Raises:
        RefusedError: nothing was ever promoted there, it is not held, or no reason is given.
    """
    _require_known(settings, environment)
    with open_records(settings.database_url) as records:
        found = records.environment_hold(environment)
        if found is None:
            raise RefusedError(f"{environment} is not held", help="`xtask status` shows what is")
        return records.lift(found.id, actor=settings.actor, reason=redacted(reason))


def _require_known(settings: Settings, environment: str) -> None:
    """Refuse an environment that has no row, before records could be created."""
    with open_records(settings.database_url, create=False) as records:
        known = records.environment_names()
    if environment not in known:
        raise RefusedError(
            f"nothing was ever promoted to `{shortened(environment)}`",
            help=did_you_mean(environment, known) or f"there are: {listed(known) or 'none yet'}",
        )
