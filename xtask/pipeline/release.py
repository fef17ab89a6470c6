"""The stories of a release: promote, roll back, look, try out.

A rollback needs neither modules.toml nor anything that could be built: what it does was written
down when the release that it leaves was promoted.
"""

from __future__ import annotations

import json
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from xtask.diagnostics import Problems, did_you_mean, listed
from xtask.errors import RefusedError, UntrustedError, UsageError, XtaskError
from xtask.files import locked
from xtask.image.archive import hybrid_archive
from xtask.image.layout import Layout
from xtask.manifest.composition import read_composition
from xtask.records.store import open_records
from xtask.release.deployment import Deployment
from xtask.release.target import target

if TYPE_CHECKING:
    from collections.abc import Iterator

    from xtask.manifest.composition import Environment
    from xtask.pipeline.progress import Progress
    from xtask.records.store import Records
    from xtask.records.values import Build, Release
    from xtask.release.deployment import Observed
    from xtask.release.target import Target
    from xtask.release.trial import Running
    from xtask.settings import Settings, Workspace


def promote(
    settings: Settings, progress: Progress, *, what: str, environment: str, reason: str
) -> Release:
    """Make a build serve an environment; what served before stays ready for a rollback.

    Args:
        settings: where, for whom, which records.
        progress: who is told.
        what: a build id, a manifest hash or a release id; unique beginnings will do.
        environment: its name in `modules.toml`.
        reason: why.

    Raises:
        RefusedError: the records or the environment's rules forbid it.
        UntrustedError: stored bytes are not what they should be.
        TargetError: the candidate did not work; what served before still serves.
    """
    place = _environment(settings.workspace, environment)
    with _operating(settings, progress, environment) as records:
        with progress.stage("plan") as stage:
            build = records.find_build(what)
            _require_served(records, build, place)
            records.ensure_environment(environment, place.rank)
            stage.detail = f"build {build.id[:8]}"
        step = _Step(build, environment, place.target, place.port, reason)
        return _perform(settings, progress, records, step)


def rollback(settings: Settings, progress: Progress, *, environment: str, reason: str) -> Release:
    """Make the release before the active one serve again; nothing is built.

    Raises:
        RefusedError: nothing is active, or nothing good came before it.
        UntrustedError: stored bytes are not what they should be.
        TargetError: it did not work; what served before still serves.
    """
    with _operating(settings, progress, environment) as records:
        with progress.stage("plan") as stage:
            plan = records.rollback_plan(environment)
            stage.detail = f"restore {plan.target.id}"
        now = plan.active
        step = _Step(plan.build, environment, now.target, now.port, reason, plan.target.id)
        return _perform(settings, progress, records, step)


class _Step(NamedTuple):
    """What a promotion or a rollback is about to do."""

    build: Build
    environment: str
    target: str
    port: int
    reason: str
    restores: str | None = None


def _perform(settings: Settings, progress: Progress, records: Records, step: _Step) -> Release:
    """Verify, record the intent, apply, switch, observe, commit."""
    layout = Layout(settings.workspace.layout)
    active = records.active_release(step.environment)
    with progress.stage("verify"):
        for digest in {step.build.image_digest, active.image_digest if active else None} - {None}:
            layout.verify(str(digest))
    release = records.begin_release(
        step.environment, step.build.id, target=step.target, port=step.port,
        actor=settings.actor, reason=step.reason, restores=step.restores,
    )  # fmt: skip
    runner = target(step.target)
    try:
        deployment = _deployment(settings.workspace, release, step.build)
        with progress.stage("apply") as stage:
            stage.detail = f"{step.target}, generation {release.generation}"
            runner.apply(deployment)
        records.verify_release(release.id)
        with progress.stage("switch"):
            runner.switch(deployment)
    except BaseException as error:
        _recover(settings, records, release, _summary(error))
        raise
    done = records.activate_release(release.id)
    with progress.stage("clean") as stage:
        keep = {done.id} | ({active.id} if active else set())
        stage.detail = _clean(runner, deployment, frozenset(keep))
    return done


def _clean(runner: Target, deployment: Deployment, keep: frozenset[str]) -> str:
    """Remove older releases; that some cannot be removed does not undo what serves."""
    try:
        runner.remove(deployment.app, deployment.environment, keep=keep)
    except XtaskError as error:
        return f"left for the next time: {error.message.splitlines()[0]}"
    return ""


def _summary(error: BaseException) -> str:
    return error.message if isinstance(error, XtaskError) else f"ended by {type(error).__name__}"


def _recover(settings: Settings, records: Records, release: Release, why: str) -> None:
    """Bring back what served before a release that did not make it, and record how that went.

    While a release is `deploying` nothing that served was touched. After that traffic may have
    moved: what served before is switched to again, and seen there.
    """
    now = records.release(release.id)
    active = records.active_release(release.environment)
    runner = target(release.target)
    failed = _deployment(settings.workspace, release, records.build(release.build_id))
    keep = frozenset({active.id} if active else ())
    if now.status == "deploying":
        records.fail_release(release.id, why)
        _clean(runner, failed, keep)
        return
    try:
        if active:
            build = records.build(active.build_id)
            runner.switch(_deployment(settings.workspace, active, build), undoing=failed)
        runner.remove(failed.app, failed.environment, keep=keep)
    except XtaskError as error:
        if now.status != "recovery_required":
            records.require_recovery(release.id, f"{why}; then: {error.message}")
        raise
    records.fail_release(release.id, why)


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
        if not records.has_served(name, build.id):
            raise RefusedError(
                f"build {build.id[:8]} has never served `{name}`, which `{environment.name}` "
                "requires",
                help=f"promote it there first: xtask promote {build.id[:8]} --to {name}",
            )


@contextmanager
def _operating(settings: Settings, progress: Progress, environment: str) -> Iterator[Records]:
    """Yield the records while no other process of this machine changes the environment.

    With embedded records a release that is still in flight was left by a process that ended.
    """
    lock = settings.workspace.releases / f".{environment}.lock"
    with (
        open_records(settings.database_url) as records,
        locked(lock) if settings.is_embedded else nullcontext(),
    ):
        if settings.is_embedded and (left := records.in_flight(environment)):
            with progress.stage("recover") as stage:
                stage.detail = f"{left.id} was left unfinished"
                _recover(settings, records, left, "its process ended before it was done")
        yield records


class _Bundle(NamedTuple):
    """What a release needs to know of a bundle."""

    app: str
    reference: str
    config_digest: str
    diff_ids: tuple[str, ...]


def _bundle(workspace: Workspace, build: Build) -> _Bundle:
    path = workspace.root / str(build.bundle) / "image.json"
    try:
        found = json.loads(path.read_bytes())
    except OSError as error:
        raise UntrustedError(
            f"the bundle of build {build.id[:8]} is gone: {error.strerror}",
            help="build the same commit again: it makes the same image",
        ) from error
    return _Bundle(
        found["app"], found["reference"], found["config_digest"], tuple(found["diff_ids"])
    )


def _deployment(workspace: Workspace, release: Release, build: Build) -> Deployment:
    return replace(
        _candidate(workspace, build),
        environment=release.environment,
        release_id=release.id,
        generation=release.generation,
        port=release.port,
    )


def _candidate(workspace: Workspace, build: Build) -> Deployment:
    """Return a build as something to run, not yet as a release of any environment."""
    bundle, layout, image = _bundle(workspace, build), Layout(workspace.layout), build.image_digest
    if image is None:
        raise RefusedError(f"build {build.id[:8]} is {build.status}: it has no image")
    return Deployment(
        app=bundle.app,
        environment="trial",
        release_id=f"build_{build.id[:8]}",
        generation=0,
        manifest_hash=build.manifest_hash,
        image_digest=image,
        config_digest=bundle.config_digest,
        image_reference=bundle.reference,
        port=0,
        archive=lambda known: hybrid_archive(layout, image, name=bundle.reference, known=known),
        layers=bundle.diff_ids,
    )


def load_image(settings: Settings, progress: Progress, build: Build) -> str:
    """Load a build's image into the Docker Engine and return the id that it has there."""
    from xtask.release.engine import ensure_image  # noqa: PLC0415 - start-up

    with progress.stage("load"):
        return ensure_image(_candidate(settings.workspace, build))


def try_image(settings: Settings, progress: Progress, build: Build, *, port: int) -> Running:
    """Start a build once on a loopback port (0: a free one) and wait until it is ready."""
    from xtask.release.trial import run  # noqa: PLC0415 - start-up

    with progress.stage("run"):
        return run(replace(_candidate(settings.workspace, build), port=port))


class Standing(NamedTuple):
    """What the records say of an environment, and what was seen there (None: nothing answers)."""

    environment: str
    active: Release | None
    in_flight: Release | None
    observed: Observed | None


def standings(settings: Settings) -> list[Standing]:
    """Return how every recorded environment stands, by rank."""
    with open_records(settings.database_url) as records:
        return [
            _standing(settings.workspace, records, name) for name in records.environment_names()
        ]


def _standing(workspace: Workspace, records: Records, environment: str) -> Standing:
    active, in_flight = records.active_release(environment), records.in_flight(environment)
    observed = None
    if active:
        app = _bundle(workspace, records.build(active.build_id)).app
        observed = target(active.target).observe(app, environment, active.port)
    return Standing(environment, active, in_flight, observed)
