"""Many operators at once against one database, while a nemesis kills, stops and locks.

Each operator is a process that builds, promotes, rolls back and looks, and writes down what it was
told. The target is a file for each environment that takes higher generations only, as real ones do.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from tests.records.conftest import asked, hash_of, modules_of
from xtask.digest import sha256
from xtask.errors import RefusedError, XtaskError
from xtask.records.rules import LEASED
from xtask.records.store import open_records
from xtask.records.values import BuildRequest, Claim

if TYPE_CHECKING:
    from collections.abc import Iterator

    from xtask.records.store import Records
    from xtask.records.values import Build, Release

ENVIRONMENTS = ("staging", "prod")
OPERATORS = 8
LEASE = 0.4
"""Seconds; an operator that is stopped for longer finds that another one went on."""

_BUILDS = 12
# Bytes of a journal: about a hundred operations. A new start takes as long as fifty of them, and
# longer with each that was done before.
_WORTH_HURTING = 20_000
_HURTS = 400
_LINE = 1024
"""More than a line of a target has."""


class Plan(NamedTuple):
    """What an operator is told when it starts."""

    url: str
    folder: str
    number: int
    operations: int
    seed: int


class Operator:
    """One process: operations with keys of its own, each written down before and after."""

    def __init__(self, plan: Plan, records: Records) -> None:
        self.plan = plan
        self.records = records
        self.chance = random.Random(plan.seed * 1000 + plan.number)  # noqa: S311 - repeatable
        self.claim = Claim(f"operator {plan.number}", LEASE)
        self.journal = Path(plan.folder, f"operator-{plan.number}.jsonl")

    def run(self) -> None:
        lines = read_journal(self.journal)
        begun = {line["key"] for line in lines}
        ended = {line["key"] for line in lines if line["what"] == "end"}
        for number in range(self.plan.operations):
            key = f"{self.plan.number}-{number}"
            operation = self._operation()  # the same for the same seed, whatever came before
            if key in ended:
                continue
            self._do(key, *operation, again=key in begun)

    def _operation(self) -> tuple[str, str, str]:
        kinds = ("promote", "promote", "rollback", "observe", "observe", "build")
        return (
            self.chance.choice(kinds),
            self.chance.choice(ENVIRONMENTS),
            f"build {self.chance.randrange(_BUILDS)}",
        )

    def _do(self, key: str, kind: str, environment: str, name: str, *, again: bool) -> None:
        began = time.monotonic()
        if not again:
            self._write({"what": "begin", "key": key, "kind": kind, "at": began})
        try:
            said = self._perform(key, kind, environment, name)
        except RefusedError as error:
            said = {"refused": error.message}
        except XtaskError as error:
            said = {"unknown": error.message}
        line = {"what": "end", "key": key, "kind": kind, "environment": environment}
        self._write({**line, "began": began, "ended": time.monotonic(), **said})

    def _perform(self, key: str, kind: str, environment: str, name: str) -> dict[str, Any]:
        if kind == "build":
            return {"build": self._build(f"{name} of {key}").id}
        if kind == "observe":
            active = self.records.active_release(environment)
            return {"generation": active.generation if active else 0}
        self._settle(environment)
        if kind == "promote":
            build = self._build(name)
            request = asked(build, environment, key=key, request_digest=sha256(name.encode()))
        else:
            plan = self.records.rollback_plan(environment)
            request = asked(
                plan.build, environment, kind="rollback", restores=plan.target.id,
                key=key, request_digest=sha256(b"rollback"),
            )  # fmt: skip
        return self._finish(self.records.begin_release(request, self.claim))

    def _build(self, name: str) -> Build:
        """Return the one build of a name, made by whoever comes first."""
        wanted = BuildRequest(hash_of(name), "release", modules_of(name), actor="operator")
        while True:
            # Again each time: one that too many operators have lost has failed.
            build, _ = self.records.request_build(wanted)
            if build.status == "succeeded":
                return build
            if claimed := self.records.claim_build(self.claim):
                with contextlib.suppress(RefusedError):
                    self._make(claimed)

    def _make(self, build: Build) -> None:
        self.records.advance_build(build, "package", 40)
        self.records.finish_build(
            build, image_digest=sha256(build.manifest_hash.encode()),
            config_digest=sha256(b"config"), image_ref="shop", bundle="bundle",
            modules=build.modules,
        )  # fmt: skip

    def _finish(self, release: Release) -> dict[str, Any]:
        """Carry out a release of this operator's, from wherever it is."""
        if release.status in LEASED and release.lease_owner != self.claim.owner:
            raise RefusedError("somebody else carries it out")
        if release.status == "deploying":
            release = self.records.verify_release(release)
        if release.status == "verifying":
            switch(Path(self.plan.folder), release)
            release = self.records.activate_release(release)
        return {"generation": release.generation, "status": release.status, "id": release.id}

    def _settle(self, environment: str) -> None:
        """Take over what an operator left that gave no sign of life for longer than its lease."""
        left = self.records.in_flight(environment)
        if left is None or left.status not in LEASED:
            return
        with contextlib.suppress(RefusedError):
            taken = self.records.take_over(left.id, self.claim)
            if taken.status == "verifying":
                switch(Path(self.plan.folder), taken)
                self.records.activate_release(taken)
            else:
                self.records.fail_release(taken, "its operator went away")

    def _write(self, line: dict[str, Any]) -> None:
        with self.journal.open("a") as stream:
            stream.write(json.dumps(line) + "\n")
            stream.flush()


def switch(folder: Path, release: Release) -> None:
    """Point an environment at a release, unless it points at a later one; keep every pointer."""
    with (folder / f"target-{release.environment}.log").open("ab+") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        stream.seek(max(0, stream.seek(0, os.SEEK_END) - _LINE))
        lines = stream.read().splitlines()
        last = json.loads(lines[-1])["generation"] if lines else 0
        if release.generation is None or release.generation < last:
            raise RefusedError(f"the target serves generation {last} already")
        line = json.dumps({"generation": release.generation, "id": release.id}) + "\n"
        stream.write(line.encode())
        stream.flush()


def read_journal(path: Path) -> list[dict[str, Any]]:
    """Return the lines of a journal; one that was cut off by a kill is none."""
    if not path.exists():
        return []
    found = []
    for line in path.read_text().splitlines():
        with contextlib.suppress(ValueError):
            found.append(json.loads(line))
    return found


class Count(NamedTuple):
    """What the nemesis did."""

    kills: int
    pauses: int
    locks: int


def campaign(url: str, folder: Path, *, operations: int, seed: int) -> Count:
    """Run all operators to their end, and hurt them on the way.

    Args:
        url: an empty database that has been migrated.
        folder: for journals and targets.
        operations: how many in all.
        seed: of everything that chance decides.
    """
    with open_records(url) as records:
        for rank, name in enumerate(ENVIRONMENTS):
            records.ensure_environment(name, rank)
    each = operations // OPERATORS
    plans = [Plan(url, str(folder), number, each, seed) for number in range(OPERATORS)]
    worth = max(_WORTH_HURTING, _WORTH_HURTING // 100 * operations // _HURTS)
    running = {plan.number: _Running(plan) for plan in plans}
    chance, kills, pauses, locks = random.Random(seed), 0, 0, 0  # noqa: S311 - repeatable
    try:
        while running:
            time.sleep(chance.uniform(0.02, 0.2))
            for number, one in list(running.items()):
                if one.has_ended():
                    del running[number]
            if not running:
                break
            victim = running[chance.choice(sorted(running))]
            if not victim.has_done(worth):
                continue
            match chance.randrange(3):
                case 0:
                    victim.kill()
                    running[victim.plan.number] = _Running(victim.plan)
                    kills += 1
                case 1:
                    victim.pause(chance.uniform(0.1, 2.5) * LEASE)
                    pauses += 1
                case _:
                    with _locked(url):
                        time.sleep(chance.uniform(0.01, 0.2))
                    locks += 1
    finally:
        for one in running.values():
            one.kill()
    settle(url, folder)
    return Count(kills, pauses, locks)


def settle(url: str, folder: Path) -> None:
    """Finish what is left, as `resume` does when the nemesis has stopped."""
    with open_records(url) as records:
        operator = Operator(Plan(url, str(folder), OPERATORS, 0, 0), records)
        for environment in ENVIRONMENTS:
            end = time.monotonic() + 10
            while records.in_flight(environment) and time.monotonic() < end:
                operator._settle(environment)
                time.sleep(LEASE / 4)


@contextlib.contextmanager
def _locked(url: str) -> Iterator[None]:
    """Hold the lock that every writer needs."""
    with open_records(url) as records, records.engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("LOCK TABLE environments IN ACCESS EXCLUSIVE MODE")
        yield


class _Running:
    """An operator's process, and how far it was when it was last hurt."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.journal = Path(plan.folder, f"operator-{plan.number}.jsonl")
        self.hurt_at = self._size()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.operations", json.dumps(plan)],
            cwd=Path(__file__).parents[2],
        )

    def has_done(self, worth: int) -> bool:
        """Whether it has written so much since: hurting who only starts would end nothing."""
        size, worked = self._size(), self._size() > self.hurt_at + worth
        if worked:
            self.hurt_at = size
        return worked

    def has_ended(self) -> bool:
        if self.process.poll() is None:
            return False
        if self.process.returncode:
            raise RuntimeError(f"operator {self.plan.number} ended with {self.process.returncode}")
        return True

    def pause(self, seconds: float) -> None:
        self.process.send_signal(signal.SIGSTOP)
        time.sleep(seconds)
        self.process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def _size(self) -> int:
        return self.journal.stat().st_size if self.journal.exists() else 0


def main() -> None:
    """Be one operator."""
    plan = Plan(*json.loads(sys.argv[1]))
    with open_records(plan.url, new_id=lambda: UUID(bytes=os.urandom(16))) as records:
        Operator(plan, records).run()


if __name__ == "__main__":
    main()
