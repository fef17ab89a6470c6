"""Everything that can happen to releases, in any order, beside a small model.

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
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.property.model import NAMES, PLACES, Place
from tests.records.conftest import CLAIM, Clock, Ids, asked, wanted
from xtask.errors import RefusedError
from xtask.records.chain import GENESIS, broken_link
from xtask.records.rules import IN_FLIGHT, LEASED
from xtask.records.values import Event

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.property.model import Ground
    from xtask.records.store import Records
    from xtask.records.values import Release

_NEWS = "SELECT * FROM events WHERE seq >"
_STANDING = (
    "SELECT environment, 'active', build_id FROM releases WHERE status = 'active' UNION ALL"
    " SELECT environment, 'in flight', id FROM releases WHERE status IN"
)
places, names = st.sampled_from(PLACES), st.sampled_from(NAMES)
waits, at_once = st.sampled_from([0, 0, 0, 1, 2]), st.sampled_from([True, True, False])
WRITES: tuple[Callable[[Records, Release], object], ...] = (
    lambda records, release: records.renew_release(release),
    lambda records, release: records.verify_release(release),
    lambda records, release: records.activate_release(release),
    lambda records, release: records.recover_release(release, "late"),
    lambda records, release: records.fail_release(release, "late"),
    lambda records, release: records.require_recovery(release, "late"),
)


class Operating(RuleBasedStateMachine):
    """One person after the other operates two environments; processes die at any step."""

    def __init__(self, ground: Ground) -> None:
        super().__init__()
        self.ground = ground
        self.records = ground.records

    # Hypothesis leaves out some rules of each history: without this, half of them serve nothing.
    @initialize(before=st.lists(st.tuples(places, names), min_size=2, max_size=6))
    def start(self, before: list[tuple[str, str]]) -> None:
        self.ground.reset()
        self.clock = self.records.now = Clock()
        self.records.new_id = Ids(1000)
        self.builds = {name: self.records.find_build(wanted(name).manifest_hash) for name in NAMES}
        self.places = {name: Place() for name in PLACES}
        self.status: dict[str, str | None] = {}
        self.asleep: list[Release] = []
        self.commands: dict[str, tuple[str, str]] = {}
        self.waiting: dict[str, set[str]] = {}
        self.ends: dict[str, int] = {}
        self.seq, self.head = 0, GENESIS
        for place, name in before:
            self.promote(place, name, lift=False, waits=0, at_once=True)
        self.read()

    def place_of(self, release: Release) -> Place:
        return self.places[release.environment]

    # A release is asked for, perhaps approved, and begins.

    @rule(place=places, name=names, lift=st.booleans(), waits=waits, at_once=at_once)
    def promote(self, place: str, name: str, *, lift: bool, waits: int, at_once: bool) -> None:
        here = self.places[place]
        refused = (here.flying and not waits) or (here.hold and not lift)
        with _expecting(refused):
            key = f"k{len(self.commands)}"
            request = asked(
                self.builds[name], place, approvals=waits, lift_hold=lift, key=key,
                request_digest=name,
            )  # fmt: skip
            release = self.records.begin_release(request, CLAIM)
            self.commands[key] = (release.id, name)
            if waits:
                self.waiting[release.id] = set()
                self.ends[release.id] = here.hold
            else:
                here.hold = 0
                self.took_off(release, at_once=at_once)

    @rule(place=places, at_once=at_once)
    def roll_back(self, place: str, *, at_once: bool) -> None:
        here = self.places[place]
        with _expecting(here.flying or not here.behind):
            plan = self.records.rollback_plan(place)
            assert plan.build.id == here.behind[-1]  # 7
            request = asked(plan.build, place, kind="rollback", restores=plan.target.id)
            self.took_off(self.records.begin_release(request, CLAIM), at_once=at_once)

    @rule(place=places, name=names, at_once=at_once)
    def redeploy(self, place: str, name: str, *, at_once: bool) -> None:
        here, build = self.places[place], self.builds[name]
        with _expecting(here.flying or here.served[-1:] != [build.id]):
            release = self.records.begin_release(asked(build, place, kind="redeploy"), CLAIM)
            self.took_off(release, at_once=at_once)

    @precondition(lambda self: self.waiting)
    @rule(data=st.data(), actor=st.sampled_from(["ann", "bob", "carol"]))
    def approve(self, data: st.DataObject, actor: str) -> None:
        release = self.records.release(data.draw(st.sampled_from(sorted(self.waiting))))
        given, here = self.waiting[release.id], self.place_of(release)
        with _expecting(actor == "ann" or actor in given or release.status != "pending"):
            approved = self.records.approve_release(release.id, actor=actor)
            given.add(actor)
            held = here.hold and here.hold != self.ends[release.id]
            ready = len(given) >= release.approvals_needed and not (here.flying or held)
            assert approved.status == ("approved" if ready else "pending")
            if ready:
                here.flying = release.id

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def deploy(self, data: st.DataObject) -> None:
        release = self.records.release(data.draw(st.sampled_from(sorted(self.waiting))))
        here = self.place_of(release)
        lacks = len(self.waiting[release.id]) < release.approvals_needed
        held = here.hold and here.hold != self.ends[release.id]
        with _expecting(lacks or held or here.flying not in {None, release.id}):
            self.took_off(self.records.deploy_release(release.id, CLAIM))
            here.hold = 0
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
        with pytest.raises(RefusedError):
            self.records.request_release(other)

    def took_off(self, release: Release, *, at_once: bool = False) -> None:
        here = self.place_of(release)
        assert (release.status, release.generation) == ("deploying", here.generation + 1)  # 2, 3
        here.generation += 1
        here.flying, here.process = release.id, release
        while at_once and here.process is not None:
            self.go_on(release.environment, dies=False)

    # A process goes on, fails, dies, wakes up; another one takes over.

    @precondition(lambda self: self.at_work())
    @rule(data=st.data(), dies=st.sampled_from([False, False, False, True]))
    def step(self, data: st.DataObject, *, dies: bool) -> None:
        self.go_on(data.draw(st.sampled_from(self.at_work())), dies=dies)

    def go_on(self, place: str, *, dies: bool) -> None:
        here = self.places[place]
        assert here.process is not None
        if here.process.status == "deploying":
            here.process = self.records.verify_release(here.process)
            if dies:
                self.crash(place)
            else:
                here.runs = here.process.id
        else:
            self.settle(here, here.process, broken=dies)

    @precondition(lambda self: self.at_work())
    @rule(data=st.data(), broken=st.booleans())
    def fail(self, data: st.DataObject, *, broken: bool) -> None:
        place = data.draw(st.sampled_from(self.at_work()))
        here = self.places[place]
        here.runs = self.active(place) if here.runs == here.flying else here.runs
        self.settle(here, here.process, broken=broken)

    @precondition(lambda self: self.at_work())
    @rule(data=st.data())
    def die(self, data: st.DataObject) -> None:
        self.crash(data.draw(st.sampled_from(self.at_work())))

    def crash(self, place: str) -> None:
        here = self.places[place]
        self.asleep.append(here.process)
        here.process = None
        self.records.close()  # 4: everything that follows reads what was acknowledged

    @precondition(lambda self: self.left_behind())
    @rule(data=st.data(), seconds=st.sampled_from([0, 61, 61]), broken=st.booleans())
    def resume(self, data: st.DataObject, seconds: int, *, broken: bool) -> None:
        self.clock.moment += timedelta(seconds=seconds)
        self.take_over(data.draw(st.sampled_from(self.left_behind())), broken=broken)

    def take_over(self, place: str, *, broken: bool) -> None:
        here = self.places[place]
        left = self.records.release(here.flying)
        if left.status in LEASED:
            alive = str(left.lease_until) > self.records.now().isoformat()[:23] + "Z"
            with _expecting(alive):
                here.process = self.records.take_over(left.id, CLAIM)
        else:
            self.settle(here, left, broken=broken)

    @precondition(lambda self: self.asleep)
    @rule(data=st.data(), write=st.sampled_from(WRITES))
    def wake_up(self, data: st.DataObject, write: Callable[[Records, Release], object]) -> None:
        zombie = data.draw(st.sampled_from(self.asleep))
        now = self.records.release(zombie.id)
        if self.place_of(zombie).flying != zombie.id or now.lease_token != zombie.lease_token:
            with pytest.raises(RefusedError):  # 6
                write(self.records, zombie)
            assert self.records.release(zombie.id) == now

    def at_work(self) -> list[str]:
        """Return where a process deploys."""
        return [name for name, here in self.places.items() if here.process]

    def left_behind(self) -> list[str]:
        """Return where a release is in flight that nobody deploys."""
        return [name for name, here in self.places.items() if here.flying and not here.process]

    @rule(seconds=st.sampled_from([1, 30, 61, 3600]))
    def let_time_pass(self, seconds: int) -> None:
        self.clock.moment += timedelta(seconds=seconds)

    @rule(place=places)
    def hold(self, place: str) -> None:
        here = self.places[place]
        with _expecting(here.hold):
            self.records.hold_environment(place, actor="bob", reason="look first")
            here.be_held()

    @rule(place=places)
    def lift(self, place: str) -> None:
        hold = self.records.environment_hold(place)
        assert (hold is not None) == (self.places[place].hold > 0)
        if hold is not None:
            self.records.lift(hold.id, actor="bob", reason="seen")
            self.places[place].hold = 0

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
        with self.records.reading() as connection:
            news = connection.exec_driver_sql(f"{_NEWS} {self.seq} ORDER BY seq").mappings()
            for row in news:
                self.follow(Event(**row))
            rows = [tuple(row) for row in connection.exec_driver_sql(f"{_STANDING} {IN_FLIGHT}")]
        expected = set()
        for name, here in self.places.items():
            expected |= {(name, "active", here.served[-1])} if here.served else set()  # 1
            expected |= {(name, "in flight", here.flying)} if here.flying else set()
        assert sorted(rows) == sorted(expected)

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
        for name, here in getattr(self, "places", {}).items():
            self.clock.moment += timedelta(seconds=3600)
            here.process = None
            if here.flying is not None:
                self.take_over(name, broken=False)
            if here.process is not None:
                self.settle(here, here.process, broken=False)
            self.read()
            assert here.runs == self.active(name)  # 9


@contextmanager
def _expecting(refused: object) -> Iterator[None]:
    """Require that the block is refused, or that it is not."""
    if not refused:
        yield
        return
    with pytest.raises(RefusedError):
        yield
