"""The stories of a release that others have to agree with: approve, reject, take back."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from xtask.errors import RefusedError
from xtask.pipeline.leases import claim
from xtask.pipeline.releasing.configuration import read_secrets
from xtask.pipeline.releasing.deploy import deploy
from xtask.pipeline.releasing.environment import rules_of
from xtask.pipeline.releasing.gates import Waivers
from xtask.pipeline.releasing.operating import operating
from xtask.pipeline.releasing.plan import Asked, look, promotion
from xtask.records.rules import serving
from xtask.records.store import open_records
from xtask.records.values import Approval, timestamp
from xtask.redaction import redacted

if TYPE_CHECKING:
    from xtask.pipeline.progress import Progress
    from xtask.pipeline.releasing.plan import Plan
    from xtask.records.store import Records
    from xtask.records.values import Build, Release
    from xtask.settings import Settings

_STALE = "the plan is stale: what serves or a rule of the environment is not what was agreed to"


def approve(settings: Settings, progress: Progress, *, what: str, reason: str) -> Release:
    """Agree with a release; the last yes that it needs deploys it, when all still holds.

    Args:
        settings: where, for whom, which records.
        progress: who is told.
        what: the id of a release; a unique beginning will do.
        reason: why; may be empty.

    Raises:
        RefusedError: it does not wait, it is the actor's own or approved by them, a gate has
            closed meanwhile (it goes on waiting), or its plan is stale (it is rejected).
        UntrustedError: stored bytes are not what they should be.
        TargetError: the candidate did not work; what served before still serves.
    """
    found = _find(settings, what)
    with operating(settings, progress, found.environment) as (records, _):
        release = records.release(found.id)
        given = records.approvals(release.id)
        others = release.actor != settings.actor
        if release.status == "pending" and others and len(given) + 1 >= release.approvals_needed:
            mine = Approval(release.id, settings.actor, reason, timestamp(records.present()))
            _current(settings, progress, records, release, (*given, mine))
        release = records.approve_release(
            release.id, actor=settings.actor, reason=redacted(reason).strip()
        )
        if release.status != "approved":
            return release
        return begin_approved(settings, progress, records, release)


def begin_approved(
    settings: Settings, progress: Progress, records: Records, release: Release
) -> Release:
    """Deploy a release to which all have agreed, when everything still is as it was then.

    Raises:
        RefusedError: a gate has closed meanwhile, or its plan is stale: then it is rejected.
        UntrustedError: stored bytes are not what they should be.
        TargetError: the candidate did not work; what served before still serves.
    """
    given = records.approvals(release.id)
    plan = _current(settings, progress, records, release, given)
    begun = records.deploy_release(release.id, claim(settings), serving(plan.active))
    return deploy(settings, progress, records, begun)


def reject(settings: Settings, *, what: str, reason: str) -> Release:
    """Say no to a release that has not begun.

    Raises:
        RefusedError: there is none of this id, or it has begun.
    """
    found = _find(settings, what)
    with open_records(settings.database_url) as records:
        return records.reject_release(found.id, redacted(reason), actor=settings.actor)


def cancel(settings: Settings, *, what: str, reason: str) -> Release | Build:
    """Take back a release that has not begun, or a build that has not ended.

    A release whose recovery has failed is given up: somebody has looked, and knows what serves.

    Raises:
        RefusedError: there is none of this id, or it is too late.
    """
    if what.startswith("rel_"):
        release = _find(settings, what)
        with open_records(settings.database_url) as records:
            lost = release.status == "recovery_required"
            end = records.abandon_release if lost else records.cancel_release
            return end(release.id, redacted(reason), actor=settings.actor)
    with open_records(settings.database_url, create=False) as records:
        build = records.find_build(what)
    with open_records(settings.database_url) as records:
        return records.cancel_build(build.id, actor=settings.actor, reason=redacted(reason))


def _find(settings: Settings, what: str) -> Release:
    """Return a release; records that do not exist yet are not created for that."""
    with open_records(settings.database_url, create=False) as records:
        return records.find_release(what)


def _current(
    settings: Settings,
    progress: Progress,
    records: Records,
    release: Release,
    approvals: tuple[Approval, ...],
) -> Plan:
    """Look at everything again; refuse when a gate is closed, reject what is not as agreed to."""
    step = promotion(
        rules_of(settings.workspace, release.environment), records.build(release.build_id)
    )
    last = records.last_of_manifest(release.environment, release.manifest_hash)
    # Whoever asked for it knew of every rollback until then.
    known = last is not None and str(last.ended_at) <= release.created_at
    hold = records.environment_hold(release.environment)
    ends = hold is not None and hold.id == release.ends_hold_id
    waivers = Waivers(lift_hold=ends, rolled_back_before=known)
    asked = Asked(waivers, approvals, own=release.id)
    plan = look(settings, progress, records, step, asked)
    if plan.digest != release.plan_digest:
        _reject_stale(settings, records, release)
    plan.require_open()
    read_secrets(settings.workspace.root, plan.given)
    return plan


def _reject_stale(settings: Settings, records: Records, release: Release) -> NoReturn:
    records.reject_release(release.id, _STALE, actor=settings.actor)
    build = release.build_id[:8]
    raise RefusedError(
        f"{release.id} is rejected: {_STALE}",
        help=f"ask again: xtask promote {build} --to {release.environment} --reason …",
    )
