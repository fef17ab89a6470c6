"""Releases that wait: for other people, behind a hold, in a queue."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.records.conftest import CLAIM, asked
from xtask.errors import RefusedError
from xtask.records.retention import Policy

if TYPE_CHECKING:
    from tests.records.conftest import Shop
    from xtask.records.values import Release


def waiting(shop: Shop, name: str = "a", **facts: object) -> Release:
    return shop.records.request_release(asked(shop.built(name), **{"approvals": 2, **facts}))


def test_a_release_that_others_must_approve_waits_and_holds_nothing(shop: Shop) -> None:
    release = waiting(shop)
    assert (release.status, release.generation, release.deployed_at) == ("pending", None, None)
    assert shop.records.in_flight("prod") is None
    assert shop.promoted(shop.built("b")).generation == 1


def test_it_is_approved_with_the_last_of_the_approvals_that_it_needs(shop: Shop) -> None:
    release = waiting(shop)
    assert shop.records.approve_release(release.id, actor="bob").status == "pending"
    approved = shop.records.approve_release(release.id, actor="carol", reason="looks good")
    assert approved.status == "approved"
    given = [(each.actor, each.reason) for each in shop.records.approvals(release.id)]
    assert given == [("bob", ""), ("carol", "looks good")]
    last = shop.records.events_of("release", release.id)[-1]
    assert (last.from_status, last.to_status, last.actor) == ("pending", "approved", "carol")


def test_nobody_approves_what_they_asked_for(shop: Shop) -> None:
    release = waiting(shop)
    with pytest.raises(RefusedError, match="ann asked for"):
        shop.records.approve_release(release.id, actor="ann")


def test_nobody_approves_twice(shop: Shop) -> None:
    release = waiting(shop)
    shop.records.approve_release(release.id, actor="bob")
    with pytest.raises(RefusedError, match="bob has approved"):
        shop.records.approve_release(release.id, actor="bob")
    assert shop.records.release(release.id).status == "pending"


def test_too_few_approvals_deploy_nothing(shop: Shop) -> None:
    release = shop.records.approve_release(waiting(shop).id, actor="bob")
    with pytest.raises(RefusedError, match="has 1 of 2 approvals"):
        shop.records.deploy_release(release.id, CLAIM)
    assert shop.records.release(release.id) == release


@pytest.mark.parametrize("end", ["reject_release", "cancel_release"])
@pytest.mark.parametrize("approvals", [0, 1])
def test_what_has_not_begun_can_be_taken_back(shop: Shop, end: str, approvals: int) -> None:
    release = waiting(shop, approvals=approvals)
    ended = getattr(shop.records, end)(release.id, "not now", actor="bob")
    assert ended.status == {"reject_release": "rejected", "cancel_release": "cancelled"}[end]
    assert (ended.error, ended.generation) == ("not now", None)
    assert shop.records.in_flight("prod") is None
    with pytest.raises(RefusedError, match=f"is {ended.status}: it waits for nobody"):
        shop.records.approve_release(release.id, actor="bob")
    with pytest.raises(RefusedError, match=f"is {ended.status} and cannot become deploying"):
        shop.records.deploy_release(release.id, CLAIM)


@pytest.mark.parametrize("end", ["reject_release", "cancel_release"])
def test_taking_back_needs_a_reason_and_comes_before_the_deployment(shop: Shop, end: str) -> None:
    with pytest.raises(RefusedError, match="needs a reason"):
        getattr(shop.records, end)(waiting(shop).id, " ", actor="bob")
    begun = shop.begun(shop.built("b"))
    with pytest.raises(RefusedError, match="is deploying and cannot become"):
        getattr(shop.records, end)(begun.id, "too late", actor="bob")


def test_they_wait_in_the_order_in_which_they_were_asked_for(shop: Shop) -> None:
    releases = [waiting(shop, name) for name in "abc"]
    waiting(shop, "d", environment="staging")
    shop.records.cancel_release(releases[1].id, "not now", actor="ann")
    assert shop.records.pending("prod") == (releases[0], releases[2])


def test_one_that_is_approved_while_another_is_in_flight_waits_for_it(shop: Shop) -> None:
    release, other = waiting(shop, approvals=1), shop.begun(shop.built("b"))
    assert shop.records.approve_release(release.id, actor="bob").status == "pending"
    with pytest.raises(RefusedError, match=f"prod is taken by {other.id}"):
        shop.records.deploy_release(release.id, CLAIM)
    shop.records.fail_release(other, "not healthy")
    begun = shop.records.deploy_release(release.id, CLAIM)
    assert (begun.status, begun.generation) == ("deploying", 2)
    moves = [event.to_status for event in shop.records.events_of("release", release.id)]
    assert moves == ["pending", "approved", "deploying"]


def test_what_a_deployment_changes_is_said_of_the_moment_when_it_begins(shop: Shop) -> None:
    first = shop.promoted(shop.built("a"))
    release = waiting(shop, "c", approvals=1)
    assert release.modules_delta.changed == {"commerce": ("2.0.0+a", "2.0.0+c")}
    second = shop.promoted(shop.built("b"))
    shop.records.approve_release(release.id, actor="bob")
    begun = shop.records.deploy_release(release.id, CLAIM)
    assert (begun.previous_release_id, begun.generation) == (second.id, 3)
    assert begun.modules_delta.changed == {"commerce": ("2.0.0+b", "2.0.0+c")}
    assert second.previous_release_id == first.id


def test_a_rollback_holds_the_environment_until_somebody_lifts_that(shop: Shop) -> None:
    shop.promoted(shop.built("a"))
    bad = shop.promoted(shop.built("b"))
    back = shop.rolled_back()
    hold = shop.records.environment_hold("prod")
    assert (hold.release_id, hold.manifest_hash) == (back.id, bad.manifest_hash)
    build = shop.built("c")
    with pytest.raises(RefusedError, match=r"prod is held since .*: rolled back: it is"):
        shop.begun(build, lift_hold=False)
    assert shop.begun(build, "staging", lift_hold=False).status == "deploying"
    shop.records.lift(hold.id, actor="bob", reason="mended")
    assert shop.promoted(build, lift_hold=False).status == "active"


def test_a_promotion_that_lifts_the_hold_says_who_and_why(shop: Shop) -> None:
    hold = shop.records.hold_environment("prod", actor="bob", reason="look first")
    shop.promoted(shop.built("a"), reason="seen")
    assert shop.records.environment_hold("prod") is None
    lifted = shop.records.events_of("hold", hold.id)[-1]
    assert (lifted.to_status, lifted.actor, lifted.detail) == ("lifted", "ann", "seen")


def test_a_promotion_that_waits_ends_the_hold_when_it_begins_and_no_later_one(shop: Shop) -> None:
    hold = shop.records.hold_environment("prod", actor="bob", reason="look first")
    rejected, release = waiting(shop, approvals=1), waiting(shop, "b", approvals=1)
    shop.records.reject_release(rejected.id, "no", actor="bob")
    assert shop.records.environment_hold("prod") == hold
    shop.records.lift(hold.id, actor="bob", reason="seen")
    later = shop.records.hold_environment("prod", actor="bob", reason="look again")
    assert shop.records.approve_release(release.id, actor="carol").status == "pending"
    with pytest.raises(RefusedError, match="look again"):
        shop.records.deploy_release(release.id, CLAIM)
    third = waiting(shop, "c", approvals=1)
    assert shop.records.approve_release(third.id, actor="carol").status == "approved"
    assert shop.records.environment_hold("prod") == later
    shop.records.deploy_release(third.id, CLAIM)
    lifted = shop.records.events_of("hold", later.id)[-1]
    assert (lifted.to_status, lifted.actor) == ("lifted", "ann")


def test_a_hold_stops_what_was_asked_for_before_it(shop: Shop) -> None:
    approved = waiting(shop, approvals=0)
    pending = waiting(shop, "b", environment="staging", approvals=1)
    for name in ("prod", "staging"):
        shop.records.hold_environment(name, actor="bob", reason="look first")
    assert shop.records.approve_release(pending.id, actor="carol").status == "pending"
    for release in (approved, pending):
        with pytest.raises(RefusedError, match="is held since"):
            shop.records.deploy_release(release.id, CLAIM)
        assert shop.records.release(release.id) == release
    for hold in shop.records.holds():
        shop.records.lift(hold.id, actor="bob", reason="seen")
    for release in (approved, pending):
        assert shop.records.deploy_release(release.id, CLAIM).status == "deploying"


def test_the_same_command_again_does_not_pass_a_hold_that_came_between(shop: Shop) -> None:
    words = {"key": "k", "request_digest": "d"}
    approved = waiting(shop, approvals=0, **words)
    shop.records.hold_environment("prod", actor="bob", reason="look first")
    with pytest.raises(RefusedError, match="is held since"):
        shop.begun(shop.records.build(approved.build_id), **words)
    assert shop.records.release(approved.id) == approved


def test_a_rollback_and_a_redeployment_pass_a_hold(shop: Shop) -> None:
    shop.promoted(shop.built("a"))
    build = shop.built("b")
    shop.promoted(build)
    hold = shop.records.hold_environment("prod", actor="bob", reason="look first")
    assert shop.promoted(build, kind="redeploy", lift_hold=False).status == "active"
    assert shop.rolled_back().status == "active"
    assert shop.records.environment_hold("prod") == hold


def test_a_hold_ends_once_and_needs_a_reason(shop: Shop) -> None:
    hold = shop.records.hold_environment("prod", actor="bob", reason="look first")
    with pytest.raises(RefusedError, match="prod is held already by bob"):
        shop.records.hold_environment("prod", actor="ann", reason="me too")
    with pytest.raises(RefusedError, match="needs a reason"):
        shop.records.lift(hold.id, actor="bob", reason=" ")
    shop.records.lift(hold.id, actor="bob", reason="seen")
    with pytest.raises(RefusedError, match="was lifted by bob already"):
        shop.records.lift(hold.id, actor="bob", reason="seen")
    with pytest.raises(RefusedError, match="there is no hold 'x'"):
        shop.records.lift("x", actor="bob", reason="seen")


def test_what_is_gone_is_not_retained_and_what_is_retained_does_not_go(shop: Shop) -> None:
    builds = [shop.built(name) for name in "abc"]
    policy = Policy(1, {}, young_days=0, grace_days=0)
    shop.records.retain(builds[1], actor="ann", reason="audit")
    for _ in range(2):
        found = shop.records.collect(policy, "gc")
        assert builds[1].manifest_hash not in (*found.marked, *found.due)
    with pytest.raises(RefusedError, match="were not needed and were removed"):
        shop.records.retain(builds[0], actor="ann", reason="too late")


def test_what_is_retained_is_listed_until_its_time_or_its_end(shop: Shop) -> None:
    build = shop.built("a")
    kept = shop.records.retain(build, actor="ann", reason="audit")
    shop.records.retain(build, actor="ann", reason="past", until="2026-11-20")
    assert shop.records.holds() == (kept,)
    assert shop.promoted(build, lift_hold=False).status == "active"
    shop.records.lift(kept.id, actor="ann", reason="done")
    assert shop.records.holds() == ()
