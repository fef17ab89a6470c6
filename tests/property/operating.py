"""Everything that can happen to builds and releases, in any order, beside a small model.

The nine rules of a history that are checked, by number:

1. at most one release is active in an environment, and one always is after the first success;
2. generations have no gap, and no two releases share one;
3. what began later has the higher generation, and a read shows what had ended before it;
4. what was acknowledged survives every crash;
5. the same command under the same key is the same release;
6. a process that was taken for dead, and wakes up, changes nothing;
7. a rollback restores what served before, also after failures and other rollbacks;
8. every transition is one event of one chain, in the order of generations;
9. when everything has come to rest, what serves is what is active.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.records.conftest import CLAIM, Clock, Ids, Shop, asked, wanted
from xtask.errors import RefusedError
from xtask.records.chain import GENESIS, broken_link
from xtask.records.rules import LEASED
from xtask.records.store import migrate_records, open_records

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from xtask.records.store import Records
    from xtask.records.values import Event, Release

PLACES = ("staging", "prod")
NAMES = ("a", "b", "c")
places, names = st.sampled_from(PLACES), st.sampled_from(NAMES)
WRITES: tuple[Callable[[Records, Release], object], ...] = (
    lambda records, release: records.renew_release(release),
    lambda records, release: records.verify_release(release),
    lambda records, release: records.activate_release(release),
    lambda records, release: records.recover_release(release, "late"),
    lambda records, release: records.fail_release(release, "late"),
    lambda records, release: records.require_recovery(release, "late"),
)


@dataclass
class Place:
    """The model of one environment, and the target that runs what it serves.

    `served` is what rollbacks walk back through, `left` what the latest run of them went away from.
    """

    served: list[str] = field(default_factory=list)
    left: set[str] = field(default_factory=set)
    generation: int = 0
    held: bool = False
    flying: str | None = None
    process: Release | None = None
    runs: str | None = None

    @property
    def behind(self) -> list[str]:
        """What a rollback leaves in `served`; nothing when it cannot go anywhere."""
        rest = self.served[:-1]
        while rest and rest[-1] in self.left | {self.served[-1]}:
            rest.pop()
        return rest

    def activate(self, release: Release) -> None:
        if release.kind == "promote":
            self.served.append(release.build_id)
            self.left = set()
        elif release.kind == "rollback":
            self.left.add(self.served[-1])
            self.served = self.behind
            self.held = True
        self.land()

    def land(self) -> None:
        self.flying = self.process = None


class Operating(RuleBasedStateMachine):
    """One person after the other operates two environments; processes die at any step."""

    url: ClassVar[str] = ""

    @initialize()
    def start(self) -> None:
        self.url_here = self.fresh()
        self.clock, self.ids = Clock(), Ids()
        self.ids.count = 1000
        self.records = self.opened()
        self.builds = {name: self.records.find_build(wanted(name).manifest_hash) for name in NAMES}
        self.places = {name: Place() for name in PLACES}
        self.status: dict[str, str | None] = {}
        self.asleep: list[Release] = []
        self.commands: dict[str, tuple[str, str]] = {}
        self.waiting: dict[str, set[str]] = {}
        self.seq, self.head = 0, GENESIS
        self.read()

    def fresh(self) -> str:
        """Return the URL of records with three builds that succeeded."""
        self.folder = tempfile.mkdtemp(prefix="xtask-operating-")
        return f"sqlite:///{shutil.copy(_template(), self.folder)}"

    def opened(self) -> Records:
        return open_records(self.url_here, now=self.clock, new_id=self.ids)

    def place_of(self, release: Release) -> Place:
        return self.places[release.environment]

    # A release is asked for, perhaps approved, and begins.

    @rule(place=places, name=names, lift=st.booleans(), waits=st.integers(0, 2))
    def promote(self, place: str, name: str, *, lift: bool, waits: int) -> None:
        here = self.places[place]
        refused = (here.flying and not waits) or (here.held and not lift)
        with _expecting(refused):
            key = f"k{len(self.commands)}"
            request = asked(
                self.builds[name], place, approvals=waits, lift_hold=lift, key=key,
                request_digest=name,
            )  # fmt: skip
            release = self.records.begin_release(request, CLAIM)
            here.held = False
            self.commands[key] = (release.id, name)
            if waits:
                self.waiting[release.id] = set()
            else:
                self.took_off(release)

    @rule(place=places)
    def roll_back(self, place: str) -> None:
        here = self.places[place]
        with _expecting(here.flying or not here.behind):
            plan = self.records.rollback_plan(place)
            assert plan.build.id == here.behind[-1]  # 7
            request = asked(plan.build, place, kind="rollback", restores=plan.target.id)
            self.took_off(self.records.begin_release(request, CLAIM))

    @rule(place=places, name=names)
    def redeploy(self, place: str, name: str) -> None:
        here, build = self.places[place], self.builds[name]
        with _expecting(here.flying or here.served[-1:] != [build.id]):
            self.took_off(self.records.begin_release(asked(build, place, kind="redeploy"), CLAIM))

    @precondition(lambda self: self.waiting)
    @rule(data=st.data(), actor=st.sampled_from(["ann", "bob", "carol"]))
    def approve(self, data: st.DataObject, actor: str) -> None:
        release = self.records.release(data.draw(st.sampled_from(sorted(self.waiting))))
        given, here = self.waiting[release.id], self.place_of(release)
        with _expecting(actor == "ann" or actor in given or release.status != "pending"):
            approved = self.records.approve_release(release.id, actor=actor)
            given.add(actor)
            ready = len(given) >= release.approvals_needed and not (here.flying or here.held)
            assert approved.status == ("approved" if ready else "pending")
            if ready:
                here.flying = release.id

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def deploy(self, data: st.DataObject) -> None:
        release = self.records.release(data.draw(st.sampled_from(sorted(self.waiting))))
        here = self.place_of(release)
        lacks = len(self.waiting[release.id]) < release.approvals_needed
        with _expecting(lacks or here.held or here.flying not in {None, release.id}):
            self.took_off(self.records.deploy_release(release.id, CLAIM))
            del self.waiting[release.id]

    @precondition(lambda self: self.waiting)
    @rule(data=st.data(), end=st.sampled_from(["reject_release", "cancel_release"]))
    def take_back(self, data: st.DataObject, end: str) -> None:
        name = data.draw(st.sampled_from(sorted(self.waiting)))
        ended = getattr(self.records, end)(name, "not now", actor="bob")
        del self.waiting[name]
        if self.place_of(ended).flying == name:
            self.place_of(ended).land()

    @precondition(lambda self: self.commands)
    @rule(data=st.data())
    def say_it_again(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(sorted(self.commands)))
        known, name = self.commands[key]
        release = self.records.release(known)
        facts = {"key": key, "approvals": release.approvals_needed}
        again = asked(self.builds[name], release.environment, request_digest=name, **facts)
        if release.status != "approved":  # that one begins
            assert self.records.begin_release(again, CLAIM) == release  # 5
        other = asked(self.builds[name], release.environment, request_digest="other", **facts)
        with _expecting(True):
            self.records.request_release(other)

    def took_off(self, release: Release) -> None:
        here = self.place_of(release)
        assert (release.status, release.generation) == ("deploying", here.generation + 1)  # 2, 3
        here.generation += 1
        here.flying, here.process = release.id, release

    # A process goes on, fails, dies, wakes up; another one takes over.

    @rule(place=places, dies=st.booleans())
    def go_on(self, place: str, *, dies: bool) -> None:
        here = self.places[place]
        if here.process is None:
            return
        if here.process.status == "deploying":
            here.process = self.records.verify_release(here.process)
            if dies:
                self.die(place)
            else:
                here.runs = here.process.id
        else:
            self.settle(here, here.process, broken=dies)

    @rule(place=places, broken=st.booleans())
    def fail(self, place: str, *, broken: bool) -> None:
        here = self.places[place]
        if here.process is not None:
            here.runs = self.active(place) if here.runs == here.flying else here.runs
            self.settle(here, here.process, broken=broken)

    @rule(place=places)
    def die(self, place: str) -> None:
        here = self.places[place]
        if here.process is not None:
            self.asleep.append(here.process)
            here.process = None
        self.records.close()
        self.records = self.opened()  # 4: everything that follows reads what was acknowledged

    @rule(place=places, broken=st.booleans())
    def resume(self, place: str, *, broken: bool) -> None:
        here = self.places[place]
        if here.flying is None or here.process is not None:
            return
        left = self.records.release(here.flying)
        if left.status in LEASED:
            alive = str(left.lease_until) > self.records.now().isoformat()[:23] + "Z"
            with _expecting(alive):
                left = self.records.take_over(left.id, CLAIM)
            if alive:
                return
        self.settle(here, left, broken=broken)

    @precondition(lambda self: self.asleep)
    @rule(data=st.data(), write=st.sampled_from(WRITES))
    def wake_up(self, data: st.DataObject, write: Callable[[Records, Release], object]) -> None:
        zombie = data.draw(st.sampled_from(self.asleep))
        now = self.records.release(zombie.id)
        if self.place_of(zombie).flying != zombie.id or now.lease_token != zombie.lease_token:
            with _expecting(True):  # 6
                write(self.records, zombie)
            assert self.records.release(zombie.id) == now

    @rule(seconds=st.sampled_from([1, 30, 61, 3600]))
    def let_time_pass(self, seconds: int) -> None:
        self.clock.moment += timedelta(seconds=seconds)

    @rule(place=places)
    def hold(self, place: str) -> None:
        here = self.places[place]
        with _expecting(here.held):
            self.records.hold_environment(place, actor="bob", reason="look first")
            here.held = True

    @rule(place=places)
    def lift(self, place: str) -> None:
        hold = self.records.environment_hold(place)
        assert (hold is not None) == self.places[place].held
        if hold is not None:
            self.records.lift(hold.id, actor="bob", reason="seen")
            self.places[place].held = False

    def active(self, place: str) -> str | None:
        found = self.records.active_release(place)
        return found.id if found else None

    def settle(self, here: Place, release: Release, *, broken: bool) -> None:
        """End a release as `xtask resume` does."""
        if release.status == "approved":
            self.records.cancel_release(release.id, "left", actor="bob")
            self.waiting.pop(release.id, None)
            here.land()
        elif release.status == "verifying" and here.runs == release.id:
            here.activate(self.records.activate_release(release))
        else:
            if release.status == "verifying":
                release = self.records.recover_release(release, "not healthy")
            if broken and release.status == "recovering":
                self.records.require_recovery(release, "the engine does not answer")
                here.process = None
                return
            if release.status != "deploying":
                here.runs = self.active(release.environment)
            self.records.fail_release(release, "not healthy")
            here.land()

    # What holds at every step.

    @invariant()
    def read(self) -> None:
        for event in self.records.events(self.seq):
            self.follow(event)
        for name, here in self.places.items():
            active = self.records.active_release(name)
            assert [active.build_id] * bool(active) == here.served[-1:] if active else True
            assert (active is None) == (not here.served)  # 1
            found = self.records.in_flight(name)
            assert (found.id if found else None) == here.flying

    def follow(self, event: Event) -> None:
        assert broken_link(self.head, self.seq + 1, event) is None  # 8
        self.seq, self.head = self.seq + 1, str(event.hash)
        if event.subject == "release":
            assert self.status.get(event.subject_id) == event.from_status
            self.status[event.subject_id] = event.to_status
        if event.to_status == "deploying":
            facts = json.loads(str(event.facts))
            place = facts["environment"]
            assert facts["generation"] <= self.places[place].generation

    def teardown(self) -> None:
        if not hasattr(self, "records"):
            return
        for here in self.places.values():
            here.process = None
            self.clock.moment += timedelta(seconds=3600)
            if here.flying:
                left = self.records.release(here.flying)
                if left.status in LEASED:
                    left = self.records.take_over(left.id, CLAIM)
                self.settle(here, left, broken=False)
        self.read()
        for name, here in self.places.items():
            assert here.runs == self.active(name)  # 9
        self.records.close()
        shutil.rmtree(self.folder)


@contextmanager
def _expecting(refused: object) -> Iterator[None]:
    """Require that the block is refused, or that it is not."""
    if not refused:
        yield
        return
    with pytest.raises(RefusedError):
        yield


_made: list[str] = []


def _template() -> str:
    """Return the file of records with two environments and a build of each name."""
    if not _made:
        file = Path(tempfile.mkdtemp(prefix="xtask-operating-")) / "records.sqlite3"
        migrate_records(f"sqlite:///{file}")
        with open_records(f"sqlite:///{file}", now=Clock(), new_id=Ids()) as records:
            for rank, name in enumerate(PLACES):
                records.ensure_environment(name, rank)
            for name in NAMES:
                Shop(records).built(name)
        _made.append(str(file))
    return _made[0]
