"""What a release would do, looked at before anything is done: its gates, and one digest of it all.

Only this reads what `gates` decides about. Nothing is written.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from xtask.digest import canonical_json, sha256_of
from xtask.errors import RefusedError, UntrustedError, XtaskError
from xtask.image.layout import Layout
from xtask.pipeline.releasing.candidate import base_of, facts_of, read_bundle, read_surfaces
from xtask.pipeline.releasing.configuration import changes, take
from xtask.pipeline.releasing.environment import rules_if_readable, rules_of, without_rules
from xtask.pipeline.releasing.gates import Facts, Waivers, frozen, gates
from xtask.pipeline.verifying.verify import doubt
from xtask.records import refusals
from xtask.records.rules import modules_delta, serving
from xtask.records.values import ReleaseRequest
from xtask.redaction import redacted
from xtask.resolve.migrations import Distance, Migration, distance

if TYPE_CHECKING:
    from datetime import datetime

    from xtask.manifest.environments import Environment
    from xtask.pipeline.progress import Progress
    from xtask.pipeline.releasing.configuration import Change, Document
    from xtask.pipeline.releasing.gates import Gate
    from xtask.records.store import Records
    from xtask.records.values import Approval, Build, ModulesDelta, Release, ReleaseKind
    from xtask.settings import Settings, Workspace


class Step(NamedTuple):
    """One build that would serve one environment; a rollback names the release it restores."""

    kind: ReleaseKind
    environment: Environment
    build: Build
    target: str
    port: int
    restores: str | None = None


class Asked(NamedTuple):
    """What is known of the request: what is wanted nevertheless, and who has agreed so far.

    `own` is the id of the release that it has become, which is not in its own way.
    """

    waivers: Waivers = Waivers()
    approvals: tuple[Approval, ...] = ()
    own: str | None = None


class Pending(NamedTuple):
    """Migrations that a promotion would run, as the database there says; else why nobody knows."""

    migrations: tuple[str, ...] | None
    why: str = ""


@dataclass(frozen=True)
class Plan:
    """What a release would do, and whether it may.

    Args:
        step: which build, and where.
        active: what serves there now.
        delta: how the modules would change.
        distance: what lies between the databases of the two.
        gates: what has to hold, and whether it does.
        freeze: the freeze window of now.
        given: what the environment gives it, as the records keep that.
        changes: what of that is not as what serves has it.
        pending: what would run of the migrations, where somebody has asked the target.
    """

    step: Step
    active: Release | None
    delta: ModulesDelta
    distance: Distance
    gates: tuple[Gate, ...]
    freeze: str | None
    given: Document | None
    changes: tuple[Change, ...]
    pending: Pending | None = None

    @cached_property
    def digest(self) -> str:
        """SHA-256 of everything that was looked at; the time, and what it opens, are not in it."""
        return sha256_of(self.looked_at())

    def looked_at(self) -> dict[str, Any]:
        """Return what the digest is of, as a JSON value."""
        step, active = self.step, self.active
        return {
            "kind": step.kind,
            "environment": step.environment.rules(),
            "build_id": step.build.id,
            "manifest_hash": step.build.manifest_hash,
            "image_digest": step.build.image_digest,
            "config_digest": step.build.config_digest,
            "target": step.target,
            "port": step.port,
            "configuration": sha256_of(self.given) if self.given is not None else None,
            "active": [active.id, active.generation] if active else None,
            "restores_release_id": step.restores,
            "modules_delta": self.delta._asdict(),
            "migration_class": self.distance.migration_class,
        }

    def closed(self) -> tuple[Gate, ...]:
        """Return the gates that do not hold and that nobody else can open."""
        return tuple(gate for gate in self.gates if not (gate.passed or gate.waits))

    def require_open(self) -> None:
        """Raise RefusedError when a gate does not hold, with all that do not."""
        if not (closed := self.closed()):
            return
        if len(closed) == 1:
            raise RefusedError(closed[0].says, help=closed[0].help or None)
        reasons = [f"{gate.name}: {gate.says}" for gate in closed]
        subject = f"build {self.step.build.id[:8]} may not serve {self.step.environment.name}"
        raise RefusedError("\n".join([f"{subject}:", *reasons]), help="`--plan` says what to do")

    def require_digest(self, expected: str) -> None:
        """Raise RefusedError when this is not the plan that somebody has seen."""
        if not expected or self.digest == expected:
            return
        raise RefusedError(
            f"the plan has changed: it is {self.digest} now",
            help="look at it again with `--plan`: what serves, the build or a rule is another one",
        )

    def request(self, *, actor: str, reason: str, waivers: Waivers) -> ReleaseRequest:
        """Return it as what the records are asked for."""
        step = self.step
        return ReleaseRequest(
            step.environment.name,
            step.build.id,
            target=step.target,
            port=step.port,
            actor=actor,
            reason=redacted(reason),
            kind=step.kind,
            configuration=None if self.given is None else canonical_json(self.given).decode(),
            restores=step.restores,
            plan_digest=self.digest,
            approvals=step.environment.approvals if step.kind == "promote" else 0,
            migration_class=self.distance.migration_class,
            passed_freeze=None if step.kind == "promote" else self.freeze,
            lift_hold=waivers.lift_hold,
            seen=serving(self.active),
        )


def promotion(environment: Environment, build: Build) -> Step:
    """Return what promoting a build means, by the rules of its environment."""
    return Step("promote", environment, build, environment.target, environment.port)


def way_back(workspace: Workspace, records: Records, environment: str) -> Step:
    """Return what rolling an environment back means now; a broken `modules.toml` does not matter.

    Raises:
        RefusedError: nothing is active there, or nothing good came before it.
    """
    plan = records.rollback_plan(environment)
    rules, back = rules_if_readable(workspace, environment), plan.target
    return Step("rollback", rules, plan.build, back.target, back.port, restores=back.id)


def again(workspace: Workspace, records: Records, active: Release) -> Step:
    """Return what deploying what is active once more means, with what `modules.toml` gives now.

    Where that cannot be read, or names another target, it is given what it has.
    """
    try:
        rules = rules_of(workspace, active.environment)
    except XtaskError:
        rules = without_rules(active.environment)
    return Step("redeploy", rules, records.build(active.build_id), active.target, active.port)


def look(
    settings: Settings, progress: Progress, records: Records, step: Step, asked: Asked
) -> Plan:
    """Look at everything that a release depends on, and hash the bytes that it may need.

    Those are of the build and, when it is promoted, of what serves: to that a rollback would go.

    Raises:
        RefusedError: the bytes were removed, because nothing needed them.
        UntrustedError: stored bytes are not what they should be.
    """
    name, active = step.environment.name, records.active_release(step.environment.name)
    in_flight = records.in_flight(name)
    serving = records.build(active.build_id) if active else None
    with progress.stage("verify"):
        _require_kept(records, step.build)
        _require_whole(settings.workspace, step.build)
        if serving and step.kind == "promote":
            _require_whole(settings.workspace, serving)
        given = _given(settings.workspace, records, step, active)
    with progress.stage("plan") as stage:
        before, now = serving.modules if serving else (), records.present()
        facts = Facts(
            kind=step.kind,
            environment=step.environment,
            build=step.build,
            now=now,
            active=active,
            in_flight=None if in_flight and in_flight.id == asked.own else in_flight,
            hold=records.environment_hold(name),
            served={one: records.served(one, step.build.id) for one in step.environment.requires},
            rolled_back=_rolled_back(records, name, step.build),
            local_base=_local_base(settings.workspace, step),
            unproved=_unproved(settings.workspace, step, serving, now),
            distance=_distance(settings.workspace, records, step, serving),
            approvals=asked.approvals,
            waivers=asked.waivers,
        )
        delta = modules_delta(before, step.build.modules)
        plan = Plan(
            step, active, delta, facts.distance, gates(facts), frozen(facts), given,
            changes(_had(records, active), given),
        )  # fmt: skip
        stage.detail = f"build {step.build.id[:8]} for {name}"
    return plan


def _require_kept(records: Records, build: Build) -> None:
    if gone := records.removed_at(build.manifest_hash):
        raise refusals.removed(build, gone)


def _given(
    workspace: Workspace, records: Records, step: Step, active: Release | None
) -> Document | None:
    """Return what a release is given: of `modules.toml`, or what another one had.

    Raises:
        InvalidError: the build cannot be given what is in `modules.toml`.
    """
    if step.restores:
        return records.configuration(records.release(step.restores))
    if step.environment.target != step.target:
        return records.configuration(active) if active else None
    if step.build.bundle is None:
        return None  # without a bundle nothing is released
    return take(step.environment, facts_of(workspace, step.build))


def _had(records: Records, active: Release | None) -> Document | None:
    """Return what the active release was given; damage to that keeps nobody from leaving it."""
    try:
        return records.configuration(active) if active else None
    except UntrustedError:
        return None


def _require_whole(workspace: Workspace, build: Build) -> None:
    """Raise UntrustedError unless all that a target needs of a build is what it should be."""
    if build.image_digest:  # without one nothing is released
        read_bundle(workspace, build)
        Layout(workspace.layout).verify(build.image_digest)


def _rolled_back(records: Records, environment: str, build: Build) -> Release | None:
    last = records.last_of_manifest(environment, build.manifest_hash)
    return last if last and last.status == "rolled_back" else None


def _local_base(workspace: Workspace, step: Step) -> str | None:
    if step.kind != "promote" or not step.environment.portable or step.build.bundle is None:
        return None  # without a bundle nothing is released
    base = base_of(workspace, step.build)
    return base.name if base.machine_local else None


def _unproved(
    workspace: Workspace, step: Step, serving: Build | None, now: datetime
) -> dict[str, str]:
    """Return what is wrong with the evidence of the two builds, where somebody has to vouch."""
    if step.kind != "promote" or not step.environment.signed:
        return {}
    builds = {build.id: build for build in (step.build, serving) if build and build.image_digest}
    doubts = {key: doubt(workspace, build, now) for key, build in builds.items()}
    return {key: problem for key, problem in doubts.items() if problem}


def _distance(
    workspace: Workspace, records: Records, step: Step, serving: Build | None
) -> Distance:
    """Return what lies between the databases; on the way back, all that was done to it since."""
    match step.kind:
        case "redeploy":
            return Distance(())
        case "promote":
            return _between(workspace, serving, step.build)
    since = records.promoted_since(step.environment.name, step.build.manifest_hash)
    return Distance(tuple(one for each in since for one in _done(workspace, records, each)))


def _between(workspace: Workspace, before: Build | None, build: Build) -> Distance:
    if before and before.id == build.id:
        return Distance(())
    surfaces = read_surfaces(workspace, before) if before else {}
    order = [module["name"] for module in facts_of(workspace, build)]
    return distance(surfaces, read_surfaces(workspace, build), order)


def _done(workspace: Workspace, records: Records, release: Release) -> tuple[Migration, ...]:
    """Return what a release did to the database, step by step where the bundles are still there.

    That it did something is in the records, so that a lost bundle of what is left keeps nobody
    from leaving it.
    """
    if release.migration_class == "none" or release.previous_release_id is None:
        return ()
    before = records.build(records.release(release.previous_release_id).build_id)
    try:
        return _between(workspace, before, records.build(release.build_id)).steps
    except UntrustedError:
        additive = release.migration_class == "additive"
        return (Migration(release.id, "migrations", additive=additive),)
