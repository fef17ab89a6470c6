"""What must be true of every history of many operators: nine rules, each checked over all of it."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.faults.operations import ENVIRONMENTS, OPERATORS, read_journal
from xtask.records.chain import walk
from xtask.records.store import open_records

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from xtask.records.store import Records
    from xtask.records.values import Event, Release


class Verdict(NamedTuple):
    """How much was looked at, and each rule that was broken."""

    operations: int
    acknowledged: int
    refused: int
    unknown: int
    releases: int
    events: int
    broken: tuple[str, ...]


def judge(url: str, folder: Path, *, operations: int) -> Verdict:
    """Return what the journals, the targets and the records say of a campaign."""
    journals = [read_journal(folder / f"operator-{number}.jsonl") for number in range(OPERATORS)]
    ended = [line for journal in journals for line in journal if line["what"] == "end"]
    with open_records(url) as records:
        releases = {one.id: one for one in records.releases(limit=10_000_000)}
        events = list(records.events())
        broken = [
            *_complete(journals, operations),
            *_chain(events),
            *(f"{one.table} {one.id}: {one.says}" for one in records.contradictions()),
        ]
        for environment in ENVIRONMENTS:
            ours = [one for one in releases.values() if one.environment == environment]
            theirs = [line for line in ended if line["environment"] == environment]
            broken += [
                f"{environment}: {says}"
                for says in (
                    *_one_active(events, {one.id for one in ours}),
                    *_generations(ours),
                    *_acknowledged(theirs, releases),
                    *_real_time(theirs, releases),
                    *_rollbacks(ours),
                    *_order_of_events(events, ours),
                    *_target(folder, environment, ours),
                    *_idle(records, environment),
                )
            ]
    return Verdict(
        operations=len(ended),
        acknowledged=sum("generation" in line or "build" in line for line in ended),
        refused=sum("refused" in line for line in ended),
        unknown=sum("unknown" in line for line in ended),
        releases=len(releases),
        events=len(events),
        broken=tuple(broken),
    )


def _complete(journals: Sequence[list[dict[str, Any]]], operations: int) -> Iterator[str]:
    each = operations // OPERATORS
    for number, journal in enumerate(journals):
        keys = [line["key"] for line in journal if line["what"] == "end"]
        if len(set(keys)) != each:
            yield f"operator {number} ended {len(set(keys))} of {each} operations"


def _chain(events: Iterable[Event]) -> Iterator[str]:
    for seq, _, wrong in walk(events):
        if wrong:
            yield f"event {seq}: {wrong}"


def _one_active(events: Iterable[Event], ids: set[str]) -> Iterator[str]:
    """Rule 1: at most one is active at any point, and one from the first success on."""
    active: str | None = None
    for event in events:
        if event.subject != "release" or event.subject_id not in ids:
            continue
        if event.to_status == "active":
            if active is not None:
                yield f"{event.subject_id} became active beside {active}"
            active = event.subject_id
        elif event.from_status == "active":
            if event.subject_id != active:
                yield f"{event.subject_id} ended, and {active} was active"
            active = None


def _generations(releases: Iterable[Release]) -> Iterator[str]:
    """Rule 2: no gap, no generation twice."""
    found = sorted(one.generation for one in releases if one.generation is not None)
    if found != list(range(1, len(found) + 1)):
        yield f"generations are not 1 to {len(found)}"


def _acknowledged(lines: Iterable[dict[str, Any]], releases: dict[str, Release]) -> Iterator[str]:
    """Rules 4 and 5: what was acknowledged is there, once, as it was said."""
    said: dict[str, set[int]] = defaultdict(set)
    owners: dict[int, str] = {}
    for line in lines:
        if "id" not in line:
            continue
        release = releases.get(line["id"])
        if release is None or release.generation != line["generation"]:
            yield f"{line['id']} was acknowledged and is not there so"
        elif line["status"] == "active" and release.activated_at is None:
            yield f"{line['id']} was acknowledged as active and never was"
        elif release.idempotency_key != line["key"]:
            yield f"{line['id']} was acknowledged to somebody else"
        said[line["key"]].add(line["generation"])
        if owners.setdefault(line["generation"], line["key"]) != line["key"]:
            yield f"generation {line['generation']} was acknowledged twice"
    for key, generations in said.items():
        if len(generations) > 1:
            yield f"{key} was carried out {len(generations)} times"


def _real_time(lines: Iterable[dict[str, Any]], releases: dict[str, Release]) -> Iterator[str]:
    """Rule 3: what began after something had ended has a higher generation, or sees that one."""
    finished = sorted(
        (line["ended"], line["generation"])
        for line in lines
        if "id" in line and releases[line["id"]].activated_at is not None
    )
    highest, at = 0, 0
    for line in sorted(lines, key=lambda one: float(one["began"])):
        if "generation" not in line:
            continue
        while at < len(finished) and finished[at][0] < line["began"]:
            highest = max(highest, finished[at][1])
            at += 1
        if line["kind"] == "observe" and line["generation"] < highest:
            yield f"{line['key']} saw generation {line['generation']} after {highest} was active"


def _rollbacks(releases: Iterable[Release]) -> Iterator[str]:
    """Rule 7: a rollback serves what served before, and never what was left and is not promoted."""
    served: list[str] = []
    left: set[str] = set()
    chain = sorted(
        (one for one in releases if one.activated_at is not None),
        key=lambda one: one.generation or 0,
    )
    for release in chain:
        if release.kind == "promote":
            served.append(release.image_digest)
            left.discard(release.image_digest)
            continue
        left.add(served.pop())
        while served and served[-1] in left:
            served.pop()
        if not served or served[-1] != release.image_digest:
            yield f"{release.id} did not restore what served before"
            served.append(release.image_digest)


def _order_of_events(events: Iterable[Event], releases: Iterable[Release]) -> Iterator[str]:
    """Rule 8: one event for each transition, in the order of generations."""
    generations = {one.id: one.generation or 0 for one in releases}
    last = 0
    seen: set[tuple[str, str]] = set()
    for event in events:
        if event.subject != "release" or event.subject_id not in generations:
            continue
        if (event.subject_id, event.to_status) in seen:
            yield f"{event.subject_id} became {event.to_status} twice"
        seen.add((event.subject_id, event.to_status))
        if event.to_status == "deploying":
            if generations[event.subject_id] != last + 1:
                yield f"generation {generations[event.subject_id]} began after {last}"
            last = generations[event.subject_id]


def _target(folder: Path, environment: str, releases: Iterable[Release]) -> Iterator[str]:
    """Rules 6 and 9: the target never goes back, and ends with what is active."""
    path = folder / f"target-{environment}.log"
    pointers = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    generations = [pointer["generation"] for pointer in pointers]
    if generations != sorted(generations):
        yield "the target went back to a lower generation"
    active = next((one for one in releases if one.status == "active"), None)
    if active and pointers and pointers[-1]["id"] != active.id:
        yield f"the target serves {pointers[-1]['id']}, and {active.id} is active"


def _idle(records: Records, environment: str) -> Iterator[str]:
    if left := records.in_flight(environment):
        yield f"{left.id} is still {left.status}"
