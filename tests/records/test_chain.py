"""The log: one chain without gaps, in which every change is seen."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from tests.records.conftest import CLAIM, Clock, Ids, asked, wanted
from xtask.records.chain import GENESIS, broken_link
from xtask.records.direct import open_direct
from xtask.records.store import open_records
from xtask.records.values import Event

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tests.records.conftest import Shop

ROGUE = "INSERT INTO events (subject, subject_id, to_status, actor, at) VALUES"


def broken(events: Iterable[Event]) -> list[str]:
    """Return what is wrong with the first event that does not fit, in a list that may be empty."""
    last = GENESIS
    for seq, event in enumerate(events, 1):
        if said := broken_link(last, seq, event):
            return [f"{seq}: {said}"]
        last = str(event.hash)
    return []


@pytest.fixture
def log(shop: Shop) -> list[Event]:
    """Events of every subject."""
    shop.promoted(shop.built("a"))
    build = shop.built("b")
    release = shop.records.request_release(asked(build, approvals=1))
    shop.records.approve_release(release.id, actor="bob", reason="fine")
    shop.records.cancel_release(release.id, "not now", actor="ann")
    shop.promoted(build)
    shop.rolled_back()
    return list(shop.records.events())


def test_every_change_is_in_one_chain_without_gaps(log: list[Event]) -> None:
    assert [event.seq for event in log] == list(range(1, len(log) + 1))
    assert broken(log) == []
    assert {event.subject for event in log} == {"build", "release", "approval", "hold"}


def test_an_event_carries_what_never_changes_about_its_subject(
    shop: Shop, log: list[Event]
) -> None:
    begun = next(event for event in log if event.to_status == "deploying")
    assert '"generation":1' in begun.facts
    built = next(event for event in log if event.to_status == "succeeded")
    assert shop.records.build(built.subject_id).image_digest in built.facts


@pytest.mark.parametrize("field", [name for name in Event._fields if name not in {"id", "hash"}])
def test_another_value_of_any_field_of_any_event_is_found(log: list[Event], field: str) -> None:
    for place, event in enumerate(log):
        for value in ("", "eve", None, 99):
            if value == getattr(event, field):
                continue
            forged = [*log[:place], event._replace(**{field: value}), *log[place + 1 :]]
            assert broken(forged), (place, value)


def test_what_is_taken_out_put_in_or_moved_is_found(log: list[Event]) -> None:
    for place in range(len(log) - 1):
        without = [*log[:place], *log[place + 1 :]]
        twice = [*log[: place + 1], *log[place:]]
        swapped = [*log[:place], log[place + 1], log[place], *log[place + 2 :]]
        assert all(broken(forged) for forged in (without, twice, swapped)), place


def test_an_event_that_nobody_sealed_is_found(log: list[Event]) -> None:
    rogue = log[-1]._replace(facts=None, seq=None, prev_hash=None, hash=None)
    (said,) = broken([*log, rogue])
    assert said.startswith(f"{len(log) + 1}: it was never sealed")


def test_what_something_else_wrote_is_shown_last_and_sealed_by_the_next_writer(shop: Shop) -> None:
    build = shop.built("a")
    with shop.records.engine.begin() as connection:
        connection.execute(text(f"{ROGUE} ('build', :id, 'x', 'eve', '2026')"), {"id": build.id})
    assert [event.actor for event in shop.records.events() if event.hash is None] == ["eve"]
    shop.built("b")
    events = list(shop.records.events())
    assert broken(events) == []
    assert "eve" in {event.actor for event in events}


def test_a_change_that_is_undone_leaves_no_event_and_no_gap(shop: Shop) -> None:
    build = shop.running("a")
    before = list(shop.records.events())
    lost = "status = 'queued', lease_owner = NULL, lease_until = NULL"
    with shop.records.engine.connect() as connection:
        done = connection.execute(text(f"UPDATE builds SET {lost}"))  # noqa: S608 - a constant
        assert done.rowcount == 1
        connection.rollback()
    shop.records.fail_build(build, "x")
    *events, last = shop.records.events()
    assert events == before
    assert broken([*events, last]) == []


def test_both_ways_to_an_embedded_database_write_the_same_chain(file: Path) -> None:
    hashes = []
    for name in ("direct", "store"):
        copy = file.with_name(f"{name}.sqlite3")
        copy.write_bytes(file.read_bytes())
        if name == "direct":
            builds = open_direct(copy, now=Clock(), new_id=Ids())
        else:
            builds = open_records(f"sqlite:///{copy}", now=Clock(), new_id=Ids())
        with builds:
            builds.fail_build(builds.begin_build(wanted("a"), CLAIM), "disk full")
        with closing(sqlite3.connect(copy)) as connection:
            hashes.append(connection.execute("SELECT hash FROM events ORDER BY seq").fetchall())
    assert len(hashes[0]) == 2
    assert hashes[0] == hashes[1]


def test_many_that_write_at_once_make_one_chain(shop: Shop, url: str) -> None:
    def write(worker: int) -> None:
        with open_records(url) as own:
            for number in range(5):
                build = own.begin_build(wanted(f"{worker} {number}"), CLAIM)
                own.fail_build(build, "x")

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(write, range(6)))
    events = list(shop.records.events())
    assert len(events) == 6 * 5 * 2
    assert broken(events) == []


def test_many_that_write_after_a_migration_seal_what_it_left_once(shop: Shop, url: str) -> None:
    build = shop.built("a")
    with shop.records.engine.begin() as connection:
        for _ in range(20):
            rogue = text(f"{ROGUE} ('build', :id, 'x', 'old', '2026')")
            connection.execute(rogue, {"id": build.id})

    def write(worker: int) -> None:
        with open_records(url) as own:
            own.begin_build(wanted(str(worker)), CLAIM)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(write, range(6)))
    events = list(shop.records.events())
    assert broken(events) == []
    assert len(events) == 2 + 20 + 6


def test_others_are_told_of_everything_but_builds_and_once(shop: Shop, log: list[Event]) -> None:
    untold = shop.records.untold()
    assert list(untold) == [event for event in log if event.subject != "build"]
    shop.records.told(untold[:3])
    assert shop.records.untold() == untold[3:]
    assert shop.records.untold(limit=1) == untold[3:4]
