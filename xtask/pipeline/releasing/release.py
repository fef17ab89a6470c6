"""The stories of a release: promote, roll back, do the same again.

A rollback needs neither modules.toml nor anything that could be built: what it does was written
down when the release that it leaves was promoted.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from xtask.digest import sha256_of
from xtask.errors import RefusedError, TargetError
from xtask.pipeline.leases import claim
from xtask.pipeline.releasing.configuration import read_secrets
from xtask.pipeline.releasing.deploy import deploy
from xtask.pipeline.releasing.environment import rules_of
from xtask.pipeline.releasing.gates import Waivers
from xtask.pipeline.releasing.migrating import find_pending
from xtask.pipeline.releasing.operating import operating
from xtask.pipeline.releasing.plan import (
    Asked,
    again,
    look,
    promotion,
    way_back,
)
from xtask.records.rules import ONCE_ACTIVE
from xtask.records.store import open_records

if TYPE_CHECKING:
    from xtask.pipeline.progress import Progress
    from xtask.pipeline.releasing.plan import Plan
    from xtask.records.store import Records
    from xtask.records.values import Release
    from xtask.settings import Settings

_FIRST = "a rollback goes first: this had not begun"


class Wish(NamedTuple):
    """What somebody wants of an environment.

    Args:
        environment: its name; for a promotion, in `modules.toml`.
        reason: why.
        what: a build id, a manifest hash or a release id to promote; unique beginnings will do.
        expect: the digest of the plan that was looked at; empty when any will do.
        key: the same key is the same command, however often it is given.
        waivers: what is wanted although a gate would be closed.
    """

    environment: str
    reason: str
    what: str = ""
    expect: str = ""
    key: str | None = None
    waivers: Waivers = Waivers()


def promote(settings: Settings, progress: Progress, wish: Wish) -> Release:
    """Make a build serve an environment; what served before stays ready for a rollback.

    Where others have to agree, it is only asked for: the release is pending then.

    Raises:
        RefusedError: the records or a gate of the environment forbid it, the plan has changed, or
            secrets are not there.
        InvalidError: the build cannot be given what the environment gives.
        UntrustedError: stored bytes are not what they should be.
        TargetError: the candidate did not work; what served before still serves.
    """
    rules = rules_of(settings.workspace, wish.environment)
    with operating(settings, progress, wish.environment) as (records, _):
        build = records.find_build(wish.what)
        if done := _done_before(records, wish, "promote", build.id):
            return done
        step = promotion(rules, build)
        plan = look(settings, progress, records, step, Asked(wish.waivers))
        plan.require_digest(wish.expect)
        plan.require_open()
        records.ensure_environment(rules.name, rules.rank)
        return _carry_out(settings, progress, records, plan, wish)


def plan_promotion(settings: Settings, progress: Progress, wish: Wish) -> Plan:
    """Return what `promote` would do; nothing is recorded, and nobody is kept from anything."""
    rules = rules_of(settings.workspace, wish.environment)
    with open_records(settings.database_url, create=False) as records:
        step = promotion(rules, records.find_build(wish.what))
        plan = look(settings, progress, records, step, Asked(wish.waivers))
    return replace(plan, pending=find_pending(settings, progress, plan))


def rollback(settings: Settings, progress: Progress, wish: Wish) -> Release:
    """Make the release before the active one serve again, where it did; nothing is built.

    It passes a freeze, and waits for nobody: a release that is approved and has not begun is taken
    back. The environment is held afterwards. One that was left unfinished is finished instead.

    Raises:
        UsageError: that is no name of an environment.
        RefusedError: nothing is active, nothing good came before it, or it would not work with the
            database of now.
        UntrustedError: stored bytes are not what they should be.
        TargetError: it did not work; what served before still serves.
    """
    with operating(settings, progress, wish.environment) as (records, settled):
        if settled and (settled.kind, settled.status) == ("rollback", "active"):
            return settled  # it was wanted before, and somebody died over it
        if settled and settled.kind != "rollback" and settled.status == "failed":
            raise RefusedError(
                f"{settled.id} was left unfinished and is undone: what served before it serves",
                help="look with `xtask status`; type the command again to go back further",
            )
        if done := _done_before(records, wish, "rollback"):
            return done
        plan, unbegun = _way_back(settings, progress, records, wish)
        plan.require_digest(wish.expect)
        plan.require_open()
        if unbegun:
            records.cancel_release(unbegun.id, _FIRST, actor=settings.actor)
        return _carry_out(settings, progress, records, plan, wish)


def plan_rollback(settings: Settings, progress: Progress, wish: Wish) -> Plan:
    """Return what `rollback` would do, and whether it can work; nothing is written."""
    with open_records(settings.database_url, create=False) as records:
        return _way_back(settings, progress, records, wish)[0]


def _way_back(
    settings: Settings, progress: Progress, records: Records, wish: Wish
) -> tuple[Plan, Release | None]:
    """Return the plan of a rollback, and an approved release that it would go before."""
    step = way_back(settings.workspace, records, wish.environment)
    left = records.in_flight(wish.environment)
    unbegun = left if left and left.status == "approved" else None
    asked = Asked(wish.waivers, own=unbegun.id if unbegun else None)
    return look(settings, progress, records, step, asked), unbegun


def redeploy(settings: Settings, progress: Progress, wish: Wish) -> Release:
    """Deploy what is active once more, as a new release: whatever has drifted is replaced.

    Raises:
        RefusedError: nothing is active, or somebody else changes the environment.
        UntrustedError: stored bytes are not what they should be.
        TargetError: it did not work.
    """
    with operating(settings, progress, wish.environment) as (records, _):
        if done := _done_before(records, wish, "redeploy"):
            return done
        active = records.active_release(wish.environment)
        if active is None:
            raise RefusedError(
                f"nothing is active in {wish.environment}, so nothing can be deployed again",
                help="promote a build: `xtask promote`",
            )
        step = again(settings.workspace, records, active)
        plan = look(settings, progress, records, step, Asked())
        plan.require_open()
        return _carry_out(settings, progress, records, plan, wish)


def _carry_out(
    settings: Settings, progress: Progress, records: Records, plan: Plan, wish: Wish
) -> Release:
    """Record the intent, then apply, switch, observe, commit; with approvals, only ask for them."""
    build = plan.step.build.id if plan.step.kind == "promote" else ""
    wanted = plan.request(actor=settings.actor, reason=wish.reason, waivers=wish.waivers)
    request = wanted._replace(
        key=wish.key,
        request_digest=_command(wish, plan.step.kind, build) if wish.key else None,
    )
    if request.approvals:
        return records.request_release(request)
    read_secrets(settings.workspace.root, plan.given)  # before anything is recorded
    release = records.begin_release(request, claim(settings))
    if release.lease_owner != settings.holder:  # the same command, given elsewhere at this moment
        return _outcome(release)
    return deploy(settings, progress, records, release)


def _done_before(records: Records, wish: Wish, kind: str, build_id: str = "") -> Release | None:
    """Return what the same command made when it was given before.

    Raises:
        RefusedError: the key is another command's, or the release was not wanted in the end.
        TargetError: it failed.
    """
    if not wish.key:
        return None
    command = _command(wish, kind, build_id)
    found = records.same_command(wish.environment, wish.key, command)
    return _outcome(found) if found else None


def _command(wish: Wish, kind: str, build_id: str) -> str:
    """Return the digest of what a command asks for."""
    asked: dict[str, Any] = {"kind": kind, "environment": wish.environment, "build_id": build_id}
    return sha256_of(asked | {"reason": wish.reason, "waivers": wish.waivers._asdict()})


def _outcome(release: Release) -> Release:
    """Return a release that an earlier command made; raise when it came to nothing."""
    if release.status in {*ONCE_ACTIVE, "pending"}:
        return release
    says = f"the same command made {release.id}, which is {release.status}"
    says += f": {release.error}" if release.error else ""
    if release.status in {"failed", "recovery_required"}:
        raise TargetError(says, help="look with `xtask status`; a new command needs a new key")
    raise RefusedError(says, help=f"look at `xtask releases {release.id}`")
