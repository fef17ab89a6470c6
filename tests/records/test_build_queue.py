"""Builds that wait: who gets which, and what becomes of one that its builder lost."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from tests.records.conftest import CLAIM, hash_of, wanted
from xtask.errors import RefusedError
from xtask.records.attempts import LiveElsewhereError
from xtask.records.values import Claim

if TYPE_CHECKING:
    from tests.records.conftest import Shop

OTHER = Claim("other", 60.0)


def later(shop: Shop, seconds: float) -> None:
    now = shop.records.now
    assert now
    shop.records.now = lambda: now() + timedelta(seconds=seconds)


def test_the_highest_priority_comes_first_then_the_oldest(shop: Shop) -> None:
    waiting = [shop.queued("a"), shop.queued("b", 5), shop.queued("c", 5), shop.queued("d")]
    claimed = [shop.records.claim_build(CLAIM) for _ in range(5)]
    assert [build and build.id for build in claimed] == [
        *(waiting[number].id for number in (1, 2, 0, 3)), None,
    ]  # fmt: skip


def test_a_build_begins_with_the_request_that_waits(shop: Shop) -> None:
    waiting = shop.queued("a", 5)
    begun = shop.running("a")
    assert (begun.id, begun.status, begun.attempt) == (waiting.id, "running", 1)
    assert shop.records.claim_build(OTHER) is None


def test_who_asks_for_what_somebody_builds_gets_that_build(shop: Shop) -> None:
    first = shop.running("a")
    with pytest.raises(LiveElsewhereError) as refused:
        shop.records.begin_build(wanted("a"), OTHER)
    assert refused.value.build == first
    assert shop.records.request_build(wanted("a")) == (first, False)


@pytest.mark.parametrize("taken_by", ["build", "worker"])
def test_a_silent_builder_loses_its_build_and_writes_nothing_more(
    shop: Shop, taken_by: str
) -> None:
    lost = shop.running("a")
    later(shop, 61)
    if taken_by == "build":
        taken = shop.records.begin_build(wanted("a"), OTHER)
    else:
        found = shop.records.claim_build(OTHER)
        assert found
        taken = found
    assert (taken.id, taken.lease_owner, taken.attempt) == (lost.id, "other", 2)
    for write in (
        lambda: shop.records.renew_build(lost),
        lambda: shop.records.advance_build(lost, "layers", 50),
        lambda: shop.records.write_lines(lost, ["late"]),
        lambda: shop.records.release_build(lost, "late"),
        lambda: shop.records.fail_build(lost, "late"),
        lambda: shop.finish(lost, "a"),
    ):
        with pytest.raises(RefusedError, match=r"in (?:other|the) hands"):
            write()
    assert shop.records.build(lost.id) == taken
    assert shop.finish(taken, "a").status == "succeeded"
    assert shop.finish(lost, "a").image_digest == shop.records.build(lost.id).image_digest


def test_who_is_alone_takes_what_still_runs(shop: Shop) -> None:
    lost = shop.running("a")
    assert shop.records.claim_build(OTHER) is None
    taken = shop.records.claim_build(OTHER, alone=True)
    assert taken
    assert (taken.id, taken.lease_owner) == (lost.id, "other")


def test_a_build_that_is_given_back_waits_again_until_too_many_had_it(shop: Shop) -> None:
    waiting = shop.queued("a")
    statuses = []
    for owner in ("one", "two", "three"):
        build = shop.records.claim_build(Claim(owner, 60.0))
        assert build
        shop.records.advance_build(build, "layers", 50)
        build = shop.records.release_build(build, f"{owner} stops")
        statuses.append((build.status, build.stage, build.error, build.lease_owner))
    assert statuses == [
        ("queued", "queued", "one stops", None),
        ("queued", "queued", "two stops", None),
        ("failed", "layers", "three stops", None),
    ]
    assert shop.records.claim_build(CLAIM) is None
    assert shop.queued("a").id != waiting.id


def test_a_waiting_build_is_cancelled_at_once_for_a_reason(shop: Shop) -> None:
    waiting = shop.queued("a")
    build = shop.records.cancel_build(waiting.id, actor="ann", reason="not needed")
    assert (build.status, build.cancelled_by, build.error) == ("cancelled", "ann", "not needed")
    assert shop.records.claim_build(CLAIM) is None
    assert shop.records.live_build(hash_of("a")) is None


@pytest.mark.parametrize("end", ["fails", "gives back", "is silent"])
def test_a_running_build_is_cancelled_when_its_builder_ends_however(shop: Shop, end: str) -> None:
    build = shop.running("a")
    asked = shop.records.cancel_build(build.id, actor="ann", reason="not needed")
    assert (asked.status, asked.cancelled_by) == ("running", "ann")
    assert shop.records.renew_build(build).cancelled_by == "ann"
    if end == "fails":
        shop.records.fail_build(build, "its builder says so")
    elif end == "gives back":
        shop.records.release_build(build, "its builder says so")
    else:
        later(shop, 61)
        assert shop.records.claim_build(OTHER) is None
    ended = shop.records.build(build.id)
    assert (ended.status, ended.cancelled_by, ended.error) == ("cancelled", "ann", "not needed")


def test_what_is_said_of_a_build_is_numbered_on(shop: Shop) -> None:
    first, other = shop.running("a"), shop.running("b")
    shop.records.write_lines(first, ["one", "two"])
    shop.records.write_lines(other, ["else"])
    shop.records.write_lines(first, ["three"])
    assert shop.records.lines(first.id) == ((1, "one"), (2, "two"), (3, "three"))
    assert shop.records.lines(first.id, after=2) == ((3, "three"),)
    later(shop, 61)
    taken = shop.records.claim_build(OTHER)
    assert taken
    shop.records.write_lines(taken, ["again"])
    assert shop.records.lines(taken.id, after=3) == ((4, "again"),)
