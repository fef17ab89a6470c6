"""Builds that wait: coalesced, claimed in order, lost and taken over, cancelled."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import TYPE_CHECKING

import pytest

from tests.records.conftest import CLAIM, wanted
from xtask.errors import RefusedError
from xtask.records.attempts import LOST
from xtask.records.rules import MAX_ATTEMPTS
from xtask.records.store import open_records
from xtask.records.values import Claim

if TYPE_CHECKING:
    from tests.records.conftest import Shop
    from xtask.records.values import Build

OTHER = Claim("other", 60.0)


def wait(shop: Shop, seconds: float) -> None:
    """Let time pass."""
    shop.records.now.moment += timedelta(seconds=seconds)


@pytest.mark.parametrize("before", ["queued", "running", "succeeded"])
def test_a_request_for_what_is_wanted_or_there_already_returns_that_build(
    shop: Shop, before: str
) -> None:
    build = shop.queued("a")
    if before != "queued":
        build = shop.records.claim_build(CLAIM)
    if before == "succeeded":
        build = shop.finish(build, "a")
    assert shop.records.request_build(wanted("a")) == (build, False)
    assert shop.records.count_builds() == 1


@pytest.mark.parametrize("before", ["failed", "cancelled"])
def test_a_request_for_what_came_to_nothing_is_a_new_build(shop: Shop, before: str) -> None:
    if before == "failed":
        old = shop.records.fail_build(shop.running("a"), "disk full")
    else:
        old = shop.records.cancel_build(shop.queued("a").id, actor="bob")
    build, is_new = shop.records.request_build(wanted("a"))
    assert (old.status, build.status, is_new) == (before, "queued", True)


def test_of_many_that_ask_at_once_for_one_build_all_get_the_same(shop: Shop, url: str) -> None:
    together = Barrier(8)

    def ask(_: int) -> tuple[Build, bool]:
        with open_records(url) as own:
            together.wait()
            return own.request_build(wanted("a"))

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(ask, range(8)))
    assert sorted(is_new for _, is_new in answers) == [*[False] * 7, True]
    assert {build.id for build, _ in answers} == {shop.records.builds()[0].id}


def test_builds_are_claimed_by_priority_and_then_by_age(shop: Shop) -> None:
    for name, priority in (("old", 0), ("low", -1), ("new", 0), ("urgent", 5), ("late", 5)):
        shop.queued(name, priority)
    claimed = [shop.records.claim_build(CLAIM).manifest_hash for _ in range(5)]
    assert claimed == [
        wanted(each).manifest_hash for each in ("urgent", "late", "old", "new", "low")
    ]
    assert shop.records.claim_build(CLAIM) is None


def test_a_claim_is_a_lease_under_a_token(shop: Shop) -> None:
    waiting = shop.queued("a")
    build = shop.records.claim_build(CLAIM)
    assert (waiting.attempt, waiting.lease_token, waiting.lease_owner) == (0, 0, None)
    assert (build.attempt, build.lease_token, build.lease_owner) == (1, 1, "builder")
    assert (build.stage, build.progress, build.error) == ("started", 0, None)
    assert build.lease_until > build.started_at


def test_a_builder_that_gives_signs_of_life_keeps_its_build(shop: Shop) -> None:
    shop.queued("a")
    build = shop.records.claim_build(CLAIM)
    for _ in range(5):
        wait(shop, 50)
        assert shop.records.claim_build(OTHER) is None
        shop.records.renew_build(build)
    assert shop.finish(build, "a").attempt == 1


def test_a_build_without_sign_of_life_is_claimed_again_and_starts_anew(shop: Shop) -> None:
    shop.queued("a")
    first = shop.records.claim_build(CLAIM)
    shop.records.advance_build(first, "layers", 50)
    wait(shop, 61)
    second = shop.records.claim_build(OTHER)
    assert (second.id, second.attempt, second.lease_token) == (first.id, 2, 2)
    assert (second.lease_owner, second.stage, second.progress) == ("other", "started", 0)
    moves = [(event.to_status, event.detail) for event in shop.records.events_of("build", first.id)]
    assert moves == [
        ("queued", "push"), ("running", None), ("queued", f"{LOST}: builder"), ("running", None),
    ]  # fmt: skip


@pytest.mark.parametrize("write", ["renew", "advance", "finish", "fail", "say"])
def test_a_builder_that_was_taken_for_dead_can_write_nothing(shop: Shop, write: str) -> None:
    shop.queued("a")
    zombie = shop.records.claim_build(CLAIM)
    wait(shop, 61)
    build = shop.records.claim_build(OTHER)
    writes = {
        "renew": lambda: shop.records.renew_build(zombie),
        "advance": lambda: shop.records.advance_build(zombie, "image", 90),
        "finish": lambda: shop.finish(zombie, "a"),
        "fail": lambda: shop.records.fail_build(zombie, "late"),
        "say": lambda: shop.records.write_lines(zombie, ["late"]),
    }
    with pytest.raises(RefusedError, match=r"in the hands of other|in other hands"):
        writes[write]()
    assert shop.records.build(build.id) == build
    assert shop.records.lines(build.id) == ()
    assert shop.finish(build, "a").status == "succeeded"


def test_a_build_that_is_lost_too_often_has_failed(shop: Shop) -> None:
    build = shop.queued("a")
    for attempt in range(1, MAX_ATTEMPTS + 1):
        assert shop.records.claim_build(CLAIM).attempt == attempt
        wait(shop, 61)
    after = shop.queued("b")
    assert shop.records.claim_build(OTHER).id == after.id
    lost = shop.records.build(build.id)
    assert (lost.status, lost.error, lost.lease_owner) == ("failed", f"{LOST}: builder", None)


def test_a_queued_build_is_cancelled_at_once(shop: Shop) -> None:
    build = shop.records.cancel_build(shop.queued("a").id, actor="bob")
    assert (build.status, build.cancelled_by) == ("cancelled", "bob")
    assert shop.records.claim_build(CLAIM) is None


def test_a_running_build_is_cancelled_by_its_builder(shop: Shop) -> None:
    build = shop.running("a")
    asked = shop.records.cancel_build(build.id, actor="bob")
    assert (asked.status, asked.cancelled_by) == ("running", "bob")
    assert shop.records.renew_build(build).cancelled_by == "bob"
    with pytest.raises(RefusedError, match="was cancelled by bob"):
        shop.records.advance_build(build, "image", 90)
    ended = shop.records.fail_build(build, "told to stop")
    assert (ended.status, ended.error) == ("cancelled", "told to stop")


def test_a_cancelled_build_whose_builder_is_lost_is_not_tried_again(shop: Shop) -> None:
    build = shop.running("a")
    shop.records.cancel_build(build.id, actor="bob")
    wait(shop, 61)
    assert shop.records.claim_build(OTHER) is None
    assert shop.records.build(build.id).status == "cancelled"


@pytest.mark.parametrize("final", ["succeeded", "failed", "cancelled"])
def test_what_has_ended_cannot_be_cancelled(shop: Shop, final: str) -> None:
    build = shop.running("a")
    if final == "succeeded":
        shop.finish(build, "a")
    else:
        if final == "cancelled":
            shop.records.cancel_build(build.id, actor="bob")
        shop.records.fail_build(build, "x")
    with pytest.raises(RefusedError, match=f"is {final} and cannot become cancelled"):
        shop.records.cancel_build(build.id, actor="bob")


def test_of_many_that_claim_at_once_each_gets_another_build(shop: Shop, url: str) -> None:
    builds = {shop.queued(str(number)).id for number in range(24)}
    together = Barrier(6)

    def claim(worker: int) -> list[str]:
        with open_records(url) as own:
            together.wait()
            claimed = []
            while build := own.claim_build(Claim(f"worker {worker}", 60.0)):
                claimed.append(build.id)
            return claimed

    with ThreadPoolExecutor(6) as pool:
        claimed = [build for found in pool.map(claim, range(6)) for build in found]
    assert len(claimed) == len(builds)
    assert set(claimed) == builds


def test_lines_are_numbered_in_the_order_in_which_they_are_said(shop: Shop) -> None:
    build, other = shop.running("a"), shop.running("b")
    shop.records.write_lines(build, ["one", "two"])
    shop.records.write_lines(other, ["else"])
    shop.records.write_lines(build, ["three"])
    assert shop.records.lines(build.id) == ((1, "one"), (2, "two"), (3, "three"))
    assert shop.records.lines(build.id, after=2) == ((3, "three"),)


def test_a_token_that_was_never_given_is_refused(shop: Shop) -> None:
    build = shop.running("a")
    with pytest.raises(RefusedError, match="in the hands of builder"):
        shop.records.advance_build(build._replace(lease_token=9), "image", 90)
