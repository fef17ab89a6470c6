"""What every target does on good days and on bad ones, shown on the real thing."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from xtask.errors import RefusedError, TargetError, XtaskError
from xtask.release import health
from xtask.release.deployment import Failed

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.conformance.rig import Rig
    from xtask.release.deployment import Deployment

UNWELL = [
    ("exits", "exited with code 1"),
    ("unready", "/readyz: HTTP 503"),
    ("lies", "found release rel_other"),
    ("wrong", "/shop: HTTP 503"),
]


def serve(rig: Rig, *deployments: Deployment) -> None:
    for each in deployments:
        rig.target.apply(each)
        rig.target.switch(each)


def clean(rig: Rig, *kept: Deployment) -> None:
    rig.target.remove(rig.site, keep=frozenset(each.release_id for each in kept))


def undo(rig: Rig, failed: Deployment, before: Deployment) -> None:
    undone = Failed(failed.release_id, failed.generation)
    rig.target.apply(before, undoing=undone)
    rig.target.switch(before, undoing=undone)


def test_no_request_fails_in_a_promotion_a_rollback_and_a_recovery(
    rig: Rig, record_property: Callable[[str, object], None]
) -> None:
    first, second, back, bad = (
        rig.deployment(version, generation)
        for version, generation in (("a", 1), ("b", 2), ("a", 3), ("c", 4))
    )
    serve(rig, first)
    with rig.watching() as seen:
        serve(rig, second)
        clean(rig, first, second)
        serve(rig, back)
        clean(rig, second, back)
        serve(rig, bad)
        undo(rig, bad, back)
        clean(rig, back)
    record_property("requests", str(seen))
    assert seen.failures == []
    assert {200} == set(seen.answers)
    assert rig.serving() == back.release_id
    assert rig.running() == {back.release_id}


def test_what_serves_is_seen_with_release_image_and_health(rig: Rig) -> None:
    deployment = rig.deployment("a", 1)
    assert rig.target.observe(rig.site) is None
    serve(rig, deployment)
    seen = rig.target.observe(rig.site, deployment.requests)
    assert seen is not None
    assert (seen.release_id, seen.label, seen.healthy) == ("rel_a_1", "rel_a_1", True)
    assert seen.image_digest == deployment.image_digest
    assert seen.task_digest in {deployment.image_digest, deployment.config_digest}


def test_an_applied_release_gets_no_traffic_before_the_switch(rig: Rig) -> None:
    serve(rig, rig.deployment("a", 1))
    rig.target.apply(rig.deployment("b", 2))
    assert rig.serving() == "rel_a_1"
    assert rig.running() == {"rel_a_1", "rel_b_2"}


@pytest.mark.alike
def test_a_slow_candidate_is_waited_for(rig: Rig) -> None:
    serve(rig, rig.deployment("a", 1), rig.deployment("b", 2, "slow"))
    assert rig.serving() == "rel_b_2"


@pytest.mark.parametrize(("mode", "said"), UNWELL)
def test_an_unhealthy_candidate_never_serves_and_leaves_its_log_and_nothing_else(
    rig: Rig, mode: str, said: str
) -> None:
    serve(rig, rig.deployment("a", 1))
    bad = rig.deployment("b", 2, mode, ready_within=1.5)
    with pytest.raises(TargetError) as caught:
        rig.target.apply(bad)
    assert said in caught.value.message
    assert f"starting {mode}" in caught.value.message
    assert rig.serving() == "rel_a_1"
    assert rig.running() == {"rel_a_1"}
    with pytest.raises(TargetError):
        rig.target.switch(bad)


@pytest.mark.alike
def test_a_candidate_that_is_too_slow_is_unhealthy(rig: Rig) -> None:
    serve(rig, rig.deployment("a", 1))
    with pytest.raises(TargetError, match=r"not ready after 0\.5 s"):
        rig.target.apply(rig.deployment("b", 2, "slow", ready_within=0.5))
    assert rig.running() == {"rel_a_1"}


def test_a_release_that_dies_after_the_switch_is_seen_and_undone(rig: Rig) -> None:
    first, dying = rig.deployment("a", 1), rig.deployment("b", 2, "dies")
    serve(rig, first, dying)

    def well() -> str | None:
        seen = rig.target.observe(rig.site)
        return "well" if seen is not None and seen.healthy else None

    health.wait_until(well, within=20, clock=health.SYSTEM_CLOCK)
    undo(rig, dying, first)
    assert rig.serving() == "rel_a_1"


def test_another_image_than_the_recorded_one_is_refused(rig: Rig) -> None:
    serve(rig, rig.deployment("a", 1))
    other, claimed = rig.deployment("c", 2), rig.deployment("b", 2)
    with pytest.raises(XtaskError):
        rig.target.apply(rig.with_image_of(claimed, other))
    assert rig.serving() == "rel_a_1"
    assert rig.running() == {"rel_a_1"}


def test_an_image_that_is_nowhere_is_found_before_anything_runs(rig: Rig) -> None:
    serve(rig, rig.deployment("a", 1))
    with pytest.raises(TargetError):
        rig.target.apply(rig.without_image(rig.deployment("b", 2)))
    assert rig.serving() == "rel_a_1"
    assert rig.running() == {"rel_a_1"}


def test_a_target_that_cannot_be_reached_says_so_and_takes_away_no_other_fact(rig: Rig) -> None:
    first = rig.deployment("a", 1)
    serve(rig, first)
    following = rig.deployment("b", 2)
    with rig.unreachable():
        for step in (rig.target.plan, rig.target.apply, rig.target.switch):
            with pytest.raises(TargetError) as caught:
                step(following)
            assert caught.value.help
        seen = rig.target.observe(rig.site)
    assert seen is None or (seen.label, seen.task_digest) == (None, None)
    assert rig.serving() == "rel_a_1"


def test_every_step_can_be_repeated(rig: Rig) -> None:
    deployment = rig.deployment("a", 1)
    for _ in range(2):
        serve(rig, deployment)
        clean(rig, deployment)
    assert rig.serving() == "rel_a_1"
    assert rig.running() == {"rel_a_1"}


def test_a_leftover_of_another_release_under_the_same_name_is_replaced(rig: Rig) -> None:
    rig.target.apply(rig.deployment("a", 1))
    serve(rig, rig.deployment("b", 1))
    assert rig.serving() == "rel_b_1"


def test_a_deployer_that_slept_is_fenced_off(rig: Rig) -> None:
    late, newer = rig.deployment("a", 1), rig.deployment("b", 2)
    rig.target.apply(late)
    serve(rig, newer)
    for step in (rig.target.apply, rig.target.switch):
        with pytest.raises(RefusedError, match="generation"):
            step(late)
    assert rig.serving() == "rel_b_2"


def test_another_release_of_the_serving_generation_is_refused(rig: Rig) -> None:
    serve(rig, rig.deployment("a", 1))
    with pytest.raises(RefusedError, match="rel_a_1"):
        rig.target.apply(rig.deployment("b", 1))


def test_of_two_promotions_at_once_the_newer_one_serves(rig: Rig) -> None:
    serve(rig, rig.deployment("a", 1))
    both = [rig.deployment("b", 2), rig.deployment("c", 3)]

    def promote(deployment: Deployment) -> None:
        try:
            serve(rig, deployment)
        except (RefusedError, TargetError):
            assert deployment.generation == 2

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(promote, both))
    assert rig.serving() == "rel_c_3"


def test_an_undone_release_gives_the_traffic_back_and_cannot_take_it_again(rig: Rig) -> None:
    first, second, third = (rig.deployment(v, g) for v, g in (("a", 1), ("b", 2), ("c", 3)))
    serve(rig, first, second)
    for _ in range(2):
        undo(rig, second, first)
        assert rig.serving() == "rel_a_1"
    with pytest.raises(RefusedError):
        rig.target.switch(second)
    clean(rig, first)
    serve(rig, third)
    assert rig.serving() == "rel_c_3"


def test_a_predecessor_that_is_gone_is_started_again_for_an_undone_release(rig: Rig) -> None:
    first, second = rig.deployment("a", 1), rig.deployment("b", 2)
    serve(rig, first, second)
    for each in (first, second):
        rig.stop(each.release_id)
    with pytest.raises(RefusedError):
        rig.target.apply(first, undoing=Failed("rel_other", 2))
    undo(rig, second, first)
    assert rig.serving() == "rel_a_1"


def test_drift_by_hand_is_seen_and_repaired_by_deploying_again(rig: Rig) -> None:
    first = rig.deployment("a", 1)
    serve(rig, first)
    rig.stop(first.release_id)
    seen = rig.target.observe(rig.site)
    assert seen is not None
    assert not seen.healthy
    assert (seen.label, seen.task_digest) == ("rel_a_1", "")
    again = replace(rig.deployment("a", 2), release_id="rel_again")
    serve(rig, again)
    clean(rig, again)
    assert rig.serving() == "rel_again"
    assert rig.running() == {"rel_again"}


@pytest.mark.alike
def test_a_rollback_of_a_rollback_serves_what_it_should(rig: Rig) -> None:
    versions = ("a", "b", "c", "b", "a")
    before: tuple[Deployment, ...] = ()
    for generation, version in enumerate(versions, 1):
        deployment = rig.deployment(version, generation)
        serve(rig, deployment)
        clean(rig, deployment, *before)
        before = (deployment,)
        assert rig.serving() == deployment.release_id


@pytest.mark.alike
def test_a_release_with_traffic_is_not_removed(rig: Rig) -> None:
    serve(rig, rig.deployment("a", 1), rig.deployment("b", 2))
    with pytest.raises(TargetError, match="still goes to rel_b_2"):
        rig.target.remove(rig.site, keep=frozenset({"rel_a_1"}))
    assert rig.serving() == "rel_b_2"


def test_keeping_nothing_ends_the_site(rig: Rig) -> None:
    serve(rig, rig.deployment("a", 1))
    clean(rig)
    assert rig.running() == set()
    assert rig.serving() is None
    assert rig.target.observe(rig.site) is None


def test_a_plan_says_what_would_be_done_and_does_nothing(rig: Rig) -> None:
    first, second = rig.deployment("a", 1), rig.deployment("b", 2)
    assert rig.target.plan(first)
    assert rig.running() == set()
    serve(rig, first)
    steps = "\n".join(rig.target.plan(second))
    assert "rel_a_1" in steps
    assert "rel_b_2" in steps
    assert rig.running() == {"rel_a_1"}
