"""The stories of a hold: what must not change until somebody ends it, or its time is over."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from xtask.diagnostics import did_you_mean, listed
from xtask.errors import RefusedError
from xtask.manifest.table import shortened
from xtask.records.store import open_records
from xtask.records.values import timestamp
from xtask.redaction import redacted

if TYPE_CHECKING:
    from xtask.records.store import Records
    from xtask.records.values import Build, Hold
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


def keep(settings: Settings, *, what: str, reason: str, days: int | None) -> Hold:
    """Let everything that a build made stay, also when nothing else needs it.

    Args:
        settings: for whom, which records.
        what: a build id, a manifest hash or a release id.
        reason: why.
        days: how long; without, until somebody ends it.

    Raises:
        RefusedError: there is no such build, nothing of it is there, it is held already, or no
            reason is given.
    """
    build = _find_build(settings, what)
    with open_records(settings.database_url) as records:
        if held := _kept(records, build):
            raise RefusedError(f"{build.id[:8]} is held already by {held.actor}: {held.reason}")
        until = timestamp(records.present() + timedelta(days=days)) if days else None
        return records.retain(build, actor=settings.actor, reason=redacted(reason), until=until)


def let_go(settings: Settings, *, what: str, reason: str) -> Hold:
    """End the hold of what a build made.

    Raises:
        RefusedError: there is no such build, it is not held, or no reason is given.
    """
    build = _find_build(settings, what)
    with open_records(settings.database_url) as records:
        held = _kept(records, build)
        if held is None:
            raise RefusedError(
                f"{build.id[:8]} is not held", help="`xtask gc --dry-run` shows what is"
            )
        return records.lift(held.id, actor=settings.actor, reason=redacted(reason))


def _find_build(settings: Settings, what: str) -> Build:
    """Return a build that has made something; records are not created for the question."""
    with open_records(settings.database_url, create=False) as records:
        build = records.find_build(what)
    if build.status != "succeeded":
        raise RefusedError(f"build {build.id[:8]} is {build.status}: it has made nothing")
    return build


def _kept(records: Records, build: Build) -> Hold | None:
    return next(
        (hold for hold in records.holds() if hold.kind == "retain"
         and hold.manifest_hash == build.manifest_hash),
        None,
    )  # fmt: skip


def _require_known(settings: Settings, environment: str) -> None:
    """Refuse an environment that has no row, before records could be created."""
    with open_records(settings.database_url, create=False) as records:
        known = records.environment_names()
    if environment not in known:
        raise RefusedError(
            f"nothing was ever promoted to `{shortened(environment)}`",
            help=did_you_mean(environment, known) or f"there are: {listed(known) or 'none yet'}",
        )
