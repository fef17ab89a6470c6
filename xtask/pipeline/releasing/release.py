"""The stories of a release: promote, roll back, look.

A rollback needs neither modules.toml nor anything that could be built: what it does was written
down when the release that it leaves was promoted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from xtask.diagnostics import Problems, did_you_mean, listed
from xtask.errors import RefusedError, UsageError
from xtask.image.layout import Layout
from xtask.manifest.composition import read_composition
from xtask.pipeline.leases import claim
from xtask.pipeline.releasing.candidate import base_of, read_bundle
from xtask.pipeline.releasing.deploy import deploy
from xtask.pipeline.releasing.resume import operating
from xtask.records.store import open_records
from xtask.records.values import ReleaseRequest
from xtask.redaction import redacted
from xtask.release.target import target

if TYPE_CHECKING:
    from xtask.manifest.environments import Environment
    from xtask.pipeline.progress import Progress
    from xtask.records.store import Records
    from xtask.records.values import Build, Release
    from xtask.release.deployment import Observed
    from xtask.settings import Settings, Workspace


def promote(  # noqa: PLR0913 - what a promotion consists of
    settings: Settings,
    progress: Progress,
    *,
    what: str,
    environment: str,
    reason: str,
    lift_hold: bool = False,
) -> Release:
    """Make a build serve an environment; what served before stays ready for a rollback.

    Args:
        settings: where, for whom, which records.
        progress: who is told.
        what: a build id, a manifest hash or a release id; unique beginnings will do.
        environment: its name in `modules.toml`.
        reason: why.
        lift_hold: end the hold that a rollback left on the environment.

    Raises:
        RefusedError: the records or the environment's rules forbid it.
        UntrustedError: stored bytes are not what they should be.
        TargetError: the candidate did not work; what served before still serves.
    """
    place = _environment(settings.workspace, environment)
    with operating(settings, progress, environment) as (records, _):
        with progress.stage("plan") as stage:
            build = records.find_build(what)
            _require_served(records, build, place)
            _require_portable(settings.workspace, build, place)
            records.ensure_environment(environment, place.rank)
            stage.detail = f"build {build.id[:8]}"
        step = _Step(build, environment, place.target, place.port, reason, lift_hold=lift_hold)
        return _perform(settings, progress, records, step)


def rollback(settings: Settings, progress: Progress, *, environment: str, reason: str) -> Release:
    """Make the release before the active one serve again, where it did; nothing is built.

    Raises:
        UsageError: that is no name of an environment.
        RefusedError: nothing is active, or nothing good came before it.
        UntrustedError: stored bytes are not what they should be.
        TargetError: it did not work; what served before still serves.
    """
    with operating(settings, progress, environment) as (records, settled):
        if settled and settled.status == "failed":
            raise RefusedError(
                f"{settled.id} was left unfinished and is undone: what served before it serves",
                help="look with `xtask status`; type the command again to go back further",
            )
        with progress.stage("plan") as stage:
            plan = records.rollback_plan(environment)
            stage.detail = f"restore {plan.target.id}"
        back = plan.target
        step = _Step(plan.build, environment, back.target, back.port, reason, restores=back.id)
        return _perform(settings, progress, records, step)


class _Step(NamedTuple):
    """What a promotion or a rollback is about to do."""

    build: Build
    environment: str
    target: str
    port: int
    reason: str
    restores: str | None = None
    lift_hold: bool = False


def _perform(settings: Settings, progress: Progress, records: Records, step: _Step) -> Release:
    """Verify, record the intent, apply, switch, observe, commit."""
    layout = Layout(settings.workspace.layout)
    active = records.active_release(step.environment)
    with progress.stage("verify"):
        for digest in {step.build.image_digest, active.image_digest if active else None} - {None}:
            layout.verify(str(digest))
    request = ReleaseRequest(
        step.environment, step.build.id, target=step.target, port=step.port,
        actor=settings.actor, reason=redacted(step.reason), restores=step.restores,
        kind="promote" if step.restores is None else "rollback", lift_hold=step.lift_hold,
    )  # fmt: skip
    release = records.begin_release(request, claim(settings))
    return deploy(settings, progress, records, release)


def _environment(workspace: Workspace, name: str) -> Environment:
    problems = Problems()
    composition = read_composition(workspace.manifest, problems)
    problems.raise_if_any()
    known = composition.environments if composition else {}
    if name not in known:
        raise UsageError(
            f"there is no environment `{name}` in modules.toml",
            help=did_you_mean(name, known) or f"there are: {listed(known) or 'none'}",
        )
    return known[name]


def _require_served(records: Records, build: Build, environment: Environment) -> None:
    """Refuse a build that has not served every environment which this one requires."""
    for name in environment.requires:
        if records.served(name, build.id) is None:
            raise RefusedError(
                f"build {build.id[:8]} has never served `{name}`, which `{environment.name}` "
                "requires",
                help=f"promote it there first: xtask promote {build.id[:8]} --to {name}",
            )


def _require_portable(workspace: Workspace, build: Build, environment: Environment) -> None:
    """Refuse a build on a machine's own base where only bases that every machine can have will do.

    Raises:
        RefusedError: its base is of the machine that built it.
        UntrustedError: its bundle is gone or altered.
    """
    if not environment.portable or build.bundle is None:  # without a bundle nothing is released
        return
    base = base_of(workspace, build)
    if base.machine_local:
        raise RefusedError(
            f"build {build.id[:8]} stands on base `{base.name}`, which is of the machine that "
            f"built it; `{environment.name}` wants a portable one",
            help="build it on a base that every machine can have, or remove `portable = true` "
            f"from `[environments.{environment.name}]`",
        )


class Standing(NamedTuple):
    """What the records say of an environment, and what was seen there (None: nothing answers)."""

    environment: str
    active: Release | None
    in_flight: Release | None
    observed: Observed | None


def standings(settings: Settings) -> list[Standing]:
    """Return how every recorded environment stands, by rank."""
    with open_records(settings.database_url, create=False) as records:
        return [
            _standing(settings.workspace, records, name) for name in records.environment_names()
        ]


def _standing(workspace: Workspace, records: Records, environment: str) -> Standing:
    active, in_flight = records.active_release(environment), records.in_flight(environment)
    observed = None
    if active:
        app = read_bundle(workspace, records.build(active.build_id)).app
        observed = target(active.target).observe(app, environment, active.port)
    return Standing(environment, active, in_flight, observed)
