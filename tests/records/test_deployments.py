"""Who deploys, who takes over, and what a command that is given twice does."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from tests.records.conftest import CLAIM, asked
from xtask.errors import RefusedError
from xtask.records.values import Claim, ModulesDelta

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.records.conftest import Shop
    from xtask.records.store import Records
    from xtask.records.values import Release

OTHER = Claim("other", 60.0)
KEY = {"key": "deploy-7", "request_digest": "sha256:7"}
WRITES: dict[str, Callable[[Records, Release], Release]] = {
    "renew": lambda records, release: records.renew_release(release),
    "verify": lambda records, release: records.verify_release(release),
    "activate": lambda records, release: records.activate_release(release),
    "recover": lambda records, release: records.recover_release(release, "late"),
    "fail": lambda records, release: records.fail_release(release, "late"),
    "require": lambda records, release: records.require_recovery(release, "late"),
}


def wait(shop: Shop, seconds: float) -> None:
    """Let time pass."""
    shop.records.now.moment += timedelta(seconds=seconds)


def verified(shop: Shop, name: str = "a") -> Release:
    return shop.records.verify_release(shop.begun(shop.built(name)))


def test_a_deployment_is_a_lease_under_a_token(shop: Shop) -> None:
    release = shop.begun(shop.built("a"))
    assert (release.lease_owner, release.lease_token) == ("builder", 1)
    assert release.lease_until > release.deployed_at
    done = shop.records.activate_release(shop.records.verify_release(release))
    assert (done.lease_owner, done.lease_until, done.lease_token) == (None, None, 1)


def test_a_process_that_gives_signs_of_life_is_not_replaced(shop: Shop) -> None:
    release = shop.begun(shop.built("a"))
    for _ in range(3):
        wait(shop, 50)
        with pytest.raises(RefusedError, match="is being deployed by builder"):
            shop.records.take_over(release.id, OTHER)
        release = shop.records.renew_release(release)


def test_a_process_without_sign_of_life_is_replaced(shop: Shop) -> None:
    release = shop.begun(shop.built("a"))
    wait(shop, 61)
    taken = shop.records.take_over(release.id, OTHER)
    assert (taken.status, taken.lease_owner, taken.lease_token) == ("deploying", "other", 2)
    assert taken.generation == release.generation


def test_who_holds_the_lock_of_the_environment_waits_for_no_lease(shop: Shop) -> None:
    release = shop.begun(shop.built("a"))
    assert shop.records.take_over(release.id, OTHER, alone=True).lease_token == 2


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("status", ["deploying", "verifying", "recovering"])
def test_a_process_that_was_taken_for_dead_can_write_nothing(
    shop: Shop, status: str, write: str
) -> None:
    zombie = shop.begun(shop.built("a"))
    if status != "deploying":
        zombie = shop.records.verify_release(zombie)
    if status == "recovering":
        zombie = shop.records.recover_release(zombie, "not healthy")
    wait(shop, 61)
    taken = shop.records.take_over(zombie.id, OTHER)
    events = list(shop.records.events())
    with pytest.raises(RefusedError, match="is in the hands of other now"):
        WRITES[write](shop.records, zombie)
    assert shop.records.release(zombie.id) == taken
    assert list(shop.records.events()) == events


@pytest.mark.parametrize("write", WRITES)
def test_nothing_is_written_about_a_release_that_has_ended(shop: Shop, write: str) -> None:
    release = shop.begun(shop.built("a"))
    ended = shop.records.fail_release(release, "not healthy")
    with pytest.raises(RefusedError, match="is failed"):
        WRITES[write](shop.records, release)
    assert shop.records.release(release.id) == ended


@pytest.mark.parametrize("status", ["pending", "approved", "active", "failed"])
def test_only_what_is_being_deployed_is_taken_over(shop: Shop, status: str) -> None:
    build = shop.built("a")
    if status == "active":
        release = shop.promoted(build)
    elif status == "failed":
        release = shop.records.fail_release(shop.begun(build), "x")
    else:
        approvals = int(status == "pending")
        release = shop.records.request_release(asked(build, approvals=approvals))
    with pytest.raises(RefusedError, match=f"is {status}: nobody deploys it"):
        shop.records.take_over(release.id, OTHER, alone=True)


def test_what_served_is_brought_back_once(shop: Shop) -> None:
    release = shop.records.recover_release(verified(shop), "not healthy")
    assert (release.status, release.recovery_attempts) == ("recovering", 1)
    with pytest.raises(RefusedError, match="is recovering and cannot become recovering"):
        shop.records.recover_release(release, "again")
    lost = shop.records.require_recovery(release, "the engine does not answer")
    assert (lost.status, lost.lease_owner) == ("recovery_required", None)
    with pytest.raises(RefusedError, match="is recovery_required and cannot become recovering"):
        shop.records.recover_release(lost, "again")


@pytest.mark.parametrize(
    ("status", "write"), [("deploying", "recover"), ("verifying", "fail"), ("verifying", "require")]
)
def test_only_what_may_have_moved_traffic_is_recovered_and_all_of_that(
    shop: Shop, status: str, write: str
) -> None:
    release = shop.begun(shop.built("a"))
    if status == "verifying":
        release = shop.records.verify_release(release)
    with pytest.raises(RefusedError, match=f"is {status} and cannot become"):
        WRITES[write](shop.records, release)


def test_of_two_who_settle_a_lost_release_one_does(shop: Shop) -> None:
    release = shop.records.recover_release(verified(shop), "not healthy")
    lost = shop.records.require_recovery(release, "the engine does not answer")
    first, second = (shop.records.take_over(lost.id, OTHER) for _ in range(2))
    with pytest.raises(RefusedError, match="is in the hands of"):
        shop.records.activate_release(first)
    assert shop.records.fail_release(second, "undone").status == "failed"


@pytest.mark.parametrize("end", ["failed", "active"])
def test_somebody_who_has_looked_says_how_a_lost_release_ended(shop: Shop, end: str) -> None:
    before = shop.promoted(shop.built("a"))
    release = shop.records.recover_release(verified(shop, "b"), "not healthy")
    lost = shop.records.require_recovery(release, "the engine does not answer")
    if end == "failed":
        shop.records.fail_release(lost, "mended by hand", actor="bob")
    else:
        shop.records.activate_release(lost, actor="bob")
    assert shop.records.active_release("prod").id == (before if end == "failed" else lost).id
    assert shop.records.events_of("release", lost.id)[-1].actor == "bob"


@pytest.mark.parametrize("approvals", [0, 1])
def test_the_same_command_makes_one_release_however_often_it_is_given(
    shop: Shop, approvals: int
) -> None:
    request = asked(shop.built("a"), approvals=approvals, **KEY)
    first = shop.records.begin_release(request, CLAIM)
    assert shop.records.begin_release(request, OTHER) == first
    assert shop.records.request_release(request) == first
    assert shop.records.releases() == (first,)


def test_the_same_command_is_answered_when_its_release_serves_or_has_ended(shop: Shop) -> None:
    build = shop.built("a")
    done = shop.promoted(build, **KEY)
    assert shop.begun(build, **KEY) == done
    shop.promoted(shop.built("b"))
    assert shop.begun(build, **KEY).status == "superseded"
    assert len(shop.records.releases("prod")) == 2


def test_what_only_was_recorded_is_begun_by_the_same_command(shop: Shop) -> None:
    request = asked(shop.built("a"), **KEY)
    release = shop.records.request_release(request)
    begun = shop.records.begin_release(request, CLAIM)
    assert (begun.id, begun.status) == (release.id, "deploying")


def test_another_command_under_the_same_key_is_refused(shop: Shop) -> None:
    first = shop.begun(shop.built("a"), **KEY)
    with pytest.raises(RefusedError, match=f"the key 'deploy-7' belongs to {first.id}"):
        shop.begun(shop.built("b"), **{**KEY, "request_digest": "sha256:8"})
    assert shop.begun(shop.built("c"), "staging", **KEY).status == "deploying"


def test_a_redeployment_serves_the_same_build_again(shop: Shop) -> None:
    before = shop.promoted(shop.built("a"))
    build = shop.built("b")
    first = shop.promoted(build)
    again = shop.promoted(build, kind="redeploy")
    assert (again.kind, again.previous_release_id, again.generation) == ("redeploy", first.id, 3)
    assert again.modules_delta == ModulesDelta({}, {}, {})
    assert shop.records.release(first.id).status == "superseded"
    assert shop.records.environment_hold("prod") is None
    assert shop.records.rollback_plan("prod").target.id == before.id


def test_a_redeployment_of_what_does_not_serve_is_refused(shop: Shop) -> None:
    first = shop.built("a")
    with pytest.raises(RefusedError, match="prod does not serve this build any more"):
        shop.begun(first, kind="redeploy")
    shop.promoted(first)
    shop.promoted(shop.built("b"))
    with pytest.raises(RefusedError, match="prod does not serve this build any more"):
        shop.begun(first, kind="redeploy")
    assert shop.records.in_flight("prod") is None


def test_a_rollback_of_a_rollback_goes_further_back_and_never_to_the_bad_one(shop: Shop) -> None:
    first, second, bad = (shop.promoted(shop.built(name)) for name in "abc")
    back = shop.rolled_back()
    again = shop.rolled_back()
    assert (back.restores_release_id, again.restores_release_id) == (second.id, first.id)
    assert again.previous_release_id == back.id
    ended = [shop.records.release(each.id).status for each in (first, second, bad, back)]
    assert ended == ["superseded", "superseded", "rolled_back", "rolled_back"]
    with pytest.raises(RefusedError, match="has nothing good before"):
        shop.records.rollback_plan("prod")


def test_a_rollback_that_fails_leaves_what_served_and_can_be_tried_again(shop: Shop) -> None:
    first, bad = shop.promoted(shop.built("a")), shop.promoted(shop.built("b"))
    plan = shop.records.rollback_plan("prod")
    failed = shop.begun(plan.build, kind="rollback", restores=plan.target.id)
    shop.records.fail_release(failed, "not healthy")
    assert shop.records.active_release("prod") == bad
    assert shop.records.environment_hold("prod") is None
    assert shop.rolled_back().restores_release_id == first.id
