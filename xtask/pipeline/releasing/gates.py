"""What has to hold before a build may serve an environment.

Pure: whatever was looked at comes in as `Facts`, the time too, so that the same facts always give
the same answer, and an answer can be given again later.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple, get_args

from xtask.diagnostics import listed
from xtask.manifest.environments import MigrationClass
from xtask.records.refusals import way_out

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from xtask.manifest.environments import Environment
    from xtask.records.values import Approval, Build, Hold, Release, ReleaseKind
    from xtask.resolve.migrations import Distance

_UNITS = (("d", 86400), ("h", 3600), ("m", 60), ("s", 1))


class Waivers(NamedTuple):
    """What the person who asks for a release knows and wants nevertheless."""

    lift_hold: bool = False
    rolled_back_before: bool = False
    across_maintenance: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that gates look at.

    Args:
        kind: of the release.
        environment: where, with its rules.
        build: what would serve there.
        now: the time of the records.
        active: what serves there.
        in_flight: what holds the environment.
        hold: why nothing may be promoted there.
        served: the releases of this build that were ever active in each required environment.
        rolled_back: the latest release of the same manifest there, when it was rolled back.
        local_base: the name of its base, when that is of the machine that built it.
        unproved: what is wrong with the evidence of the build and of what serves, by build id.
        distance: what lies between the databases of what serves and of the build.
        approvals: who has agreed.
        waivers: what is wanted nevertheless.
    """

    kind: ReleaseKind
    environment: Environment
    build: Build
    now: datetime
    active: Release | None
    in_flight: Release | None
    hold: Hold | None
    served: Mapping[str, tuple[Release, ...]]
    rolled_back: Release | None
    local_base: str | None
    unproved: Mapping[str, str]
    distance: Distance
    approvals: tuple[Approval, ...]
    waivers: Waivers


class Gate(NamedTuple):
    """One condition, whether it holds, and why; `help` says what would open it.

    One that `waits` is opened by other people: a release may be asked for nevertheless.
    """

    name: str
    passed: bool
    says: str
    help: str = ""
    waits: bool = False


def gates(facts: Facts) -> tuple[Gate, ...]:
    """Return the gates that such a release has to pass, in the order of their names' list."""
    found = (gate(facts) for gate in _OF_KIND[facts.kind])
    return tuple(gate for gate in found if gate is not None)


def frozen(facts: Facts) -> str | None:
    """Return the freeze window that it is in, as the records write it."""
    return next(
        (window.text for window in facts.environment.freeze if window.covers(facts.now)), None
    )


def _free(facts: Facts) -> Gate:
    """Nobody else changes the environment; asking for approvals holds nothing."""
    other = facts.in_flight
    if other is None or len(facts.approvals) < facts.environment.approvals:
        return Gate("free", passed=True, says="nobody else changes the environment")
    return Gate(
        "free",
        passed=False,
        says=f"taken by {other.id}: {other.kind} by {other.actor}, {other.status}",
        help=way_out(other),
    )


def _held(facts: Facts) -> Gate:
    """It was not rolled back, and nobody holds it."""
    hold, name = facts.hold, facts.environment.name
    if hold is None:
        return Gate("hold", passed=True, says=f"{name} is not held")
    says = f"{name} is held since {hold.created_at[:16]} by {hold.actor}: {hold.reason}"
    if facts.waivers.lift_hold:
        return Gate("hold", passed=True, says=f"{says}; this ends it")
    return Gate("hold", passed=False, says=says, help="`--lift-hold` ends it, or `xtask unhold`")


def _rolled_back(facts: Facts) -> Gate | None:
    """The same manifest was not left here because it was bad."""
    bad = facts.rolled_back
    if bad is None:
        return None
    says = f"this manifest was rolled back here as {bad.id} at {str(bad.ended_at)[:16]}"
    if facts.waivers.rolled_back_before:
        return Gate("again", passed=True, says=f"{says}, and is wanted again")
    return Gate("again", passed=False, says=says, help="`--rolled-back-before` if it is good now")


def _required(facts: Facts) -> Gate | None:
    """It has served every environment that comes before, and was not left there."""
    wanted, name = facts.environment.requires, facts.environment.name
    missing = [one for one in wanted if not facts.served[one]]
    if not wanted:
        return None
    left = [facts.served[one][-1] for one in wanted if facts.served[one]]
    if bad := [release for release in left if release.status == "rolled_back"]:
        return Gate(
            "requires",
            passed=False,
            says=f"was rolled back in `{bad[0].environment}`, which `{name}` requires: {bad[0].id}",
            help="build and promote something better",
        )
    if not missing:
        return Gate("requires", passed=True, says=f"has served {listed(wanted)}")
    build = facts.build.id[:8]
    return Gate(
        "requires",
        passed=False,
        says=f"build {build} has never served {listed(missing)}, which `{name}` requires",
        help=f"promote it there first: xtask promote {build} --to {missing[0]}",
    )


def _soaked(facts: Facts) -> Gate | None:
    """It has served there without a break for long enough, and was never rolled back there."""
    soak = facts.environment.soak
    if not soak:
        return None
    for name in facts.environment.requires:
        served = facts.served[name]
        if bad := [release.id for release in served if release.status == "rolled_back"]:
            return Gate(
                "soak",
                passed=False,
                says=f"was rolled back in `{name}`: {bad[-1]}",
                help="build and promote something better",
            )
        lasted = max(_seconds_served(served, facts.now), default=0.0)
        if lasted < soak:
            wait = span(soak - lasted)
            return Gate(
                "soak",
                passed=False,
                says=f"has served `{name}` for {span(lasted)} of {span(soak)}",
                help=f"it takes {wait} more"
                if any(release.status == "active" for release in served)
                else f"promote it to {name} and wait {span(soak)}",
            )
    return Gate(
        "soak",
        passed=True,
        says=f"has served {listed(facts.environment.requires)} for {span(soak)}",
    )


def _thawed(facts: Facts) -> Gate | None:
    """It is no time in which nothing is promoted."""
    if not facts.environment.freeze:
        return None
    window = frozen(facts)
    if window is None:
        return Gate("freeze", passed=True, says="no freeze now")
    return Gate(
        "freeze", passed=False, says=f"frozen: {window}", help="wait; a rollback passes a freeze"
    )


def _passed_freeze(facts: Facts) -> Gate | None:
    """Going back is not stopped by a freeze, and says that it was there."""
    window = frozen(facts)
    return Gate("freeze", passed=True, says=f"passes {window}") if window else None


def _portable(facts: Facts) -> Gate | None:
    """Every machine can have its base."""
    name = facts.environment.name
    if not facts.environment.portable:
        return None
    if facts.local_base is None:
        return Gate("portable", passed=True, says="every machine can have its base")
    return Gate(
        "portable",
        passed=False,
        says=f"build {facts.build.id[:8]} stands on base `{facts.local_base}`, which is of the"
        f" machine that built it; `{name}` wants a portable one",
        help="build it on a base that every machine can have, or remove `portable = true`"
        f" from `[environments.{name}]`",
    )


def _signed(facts: Facts) -> Gate | None:
    """A trusted key vouches for it, and for what a rollback would restore."""
    if not facts.environment.signed:
        return None
    for build, problem in facts.unproved.items():
        which = "" if build == facts.build.id else ", to which a rollback would go"
        return Gate(
            "signed",
            passed=False,
            says=f"build {build[:8]}{which}: {problem}",
            help=f"`xtask verify {build[:8]}` shows all; `xtask keys sign {build[:8]}` signs it",
        )
    return Gate("signed", passed=True, says="signed by a trusted key, with all evidence")


def _migrations(facts: Facts) -> Gate:
    """It does no more to the database than the environment allows."""
    allowed, found = facts.environment.migrations, facts.distance.migration_class
    classes: tuple[str, ...] = get_args(MigrationClass)
    says = f"{found}: {facts.distance.deciding}" if facts.distance.steps else "as it is"
    if facts.active is None:
        return Gate("database", passed=True, says="nothing served before it")
    if classes.index(found) <= classes.index(allowed):
        return Gate("database", passed=True, says=says)
    return Gate(
        "database",
        passed=False,
        says=f"{says}; `{facts.environment.name}` allows {allowed}",
        help="divide the change: first what only adds, then code that uses it",
    )


def _way_back(facts: Facts) -> Gate:
    """What is restored works with the database as it is now."""
    found, steps = facts.distance.migration_class, facts.distance.deciding
    if found != "maintenance":
        return Gate("database", passed=True, says=f"{found}: {steps}" if steps else "as it is")
    says = f"{steps} changed the database: what served before may not work with it"
    if facts.waivers.across_maintenance:
        return Gate("database", passed=True, says=f"forced: {says}")
    return Gate(
        "database",
        passed=False,
        says=says,
        help="promote a build that works; or see to the data, then go back with"
        " `--across-maintenance`",
    )


def _approved(facts: Facts) -> Gate | None:
    """Enough other people agree."""
    needed, given = facts.environment.approvals, facts.approvals
    if not needed:
        return None
    by = f" ({', '.join(one.actor for one in given)})" if given else ""
    return Gate(
        "approvals",
        passed=len(given) >= needed,
        says=f"{len(given)} of {needed}{by}",
        help="others agree with `xtask approve RELEASE`",
        waits=True,
    )


_OF_KIND: Mapping[ReleaseKind, tuple[Callable[[Facts], Gate | None], ...]] = {
    "promote": (
        *(_required, _soaked, _portable, _signed, _migrations, _rolled_back, _held),
        *(_thawed, _free, _approved),
    ),
    "rollback": (_way_back, _passed_freeze, _free),
    "redeploy": (_passed_freeze, _free),
}


def span(seconds: float) -> str:
    """Return a time in its two largest units, such as `1h 30m`; what is below a second is left."""
    left, words = int(seconds), []
    for unit, size in _UNITS:
        count, left = divmod(left, size)
        words += [f"{count}{unit}"] if count else []
    return " ".join(words[:2]) or "0s"


def _seconds_served(served: Iterable[Release], now: datetime) -> Iterator[float]:
    """Yield how long a build served, each time; a redeployment goes on with the one before."""
    begun, until = None, None
    for release in served:
        if begun is None or release.activated_at != until:
            begun = datetime.fromisoformat(str(release.activated_at))
        until = release.ended_at
        ended = datetime.fromisoformat(until) if until else now
        yield max(ended - begun, timedelta(0)).total_seconds()
