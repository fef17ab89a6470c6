"""The state machine: every pair, and where a rollback goes."""

from __future__ import annotations

from itertools import product
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xtask.errors import RefusedError
from xtask.records import rules
from xtask.records.values import (
    BuildModule,
    BuildStatus,
    ModulesDelta,
    Release,
    ReleaseStatus,
)

ALLOWED_BUILDS = {
    "queued": {"running", "failed", "cancelled"},
    "running": {"queued", "succeeded", "failed", "cancelled"},
}
ALLOWED_RELEASES = {
    "pending": {"approved", "rejected", "cancelled"},
    "approved": {"deploying", "rejected", "cancelled"},
    "deploying": {"verifying", "failed"},
    "verifying": {"active", "recovering"},
    "recovering": {"failed", "recovery_required"},
    "recovery_required": {"failed", "active"},
    "active": {"superseded", "rolled_back"},
}


@pytest.mark.parametrize(("before", "after"), [*product(get_args(BuildStatus), repeat=2)])
def test_r4_a_build_moves_only_along_its_table(before: BuildStatus, after: BuildStatus) -> None:
    if after in ALLOWED_BUILDS.get(before, set()):
        rules.require_build_transition("b1", before, after)
    else:
        with pytest.raises(RefusedError, match=f"b1 is {before} and cannot become {after}"):
            rules.require_build_transition("b1", before, after)


@pytest.mark.parametrize(("before", "after"), [*product(get_args(ReleaseStatus), repeat=2)])
def test_r4_a_release_moves_only_along_its_table(
    before: ReleaseStatus, after: ReleaseStatus
) -> None:
    if after in ALLOWED_RELEASES.get(before, set()):
        rules.require_release_transition("r1", before, after)
    else:
        with pytest.raises(RefusedError, match=f"r1 is {before} and cannot become {after}"):
            rules.require_release_transition("r1", before, after)


class History:
    """One environment in memory, moved as the records would move it."""

    def __init__(self) -> None:
        self.rows: dict[str, Release] = {}
        self.active: Release | None = None

    def promote(self, image: str, *, works: bool = True) -> None:
        self._serve(image, restores=None, works=works)

    def roll_back(self) -> Release | None:
        target = self.target()
        if target is not None:
            self._serve(target.image_digest, restores=target.id, works=True)
        return target

    def target(self) -> Release | None:
        return rules.rollback_target(self.active, self.rows.__getitem__) if self.active else None

    def _serve(self, image: str, *, restores: str | None, works: bool) -> None:
        old = self.active
        new = Release(
            id=f"r{len(self.rows) + 1}",
            environment="prod",
            generation=len(self.rows) + 1,
            kind="rollback" if restores else "promote",
            status="active" if works else "failed",
            build_id=image,
            manifest_hash=image,
            image_digest=image,
            target="record",
            port=8080,
            configuration=None,
            previous_release_id=old.id if old else None,
            restores_release_id=restores,
            actor="ann",
            reason="why",
            plan_digest="",
            approvals_needed=0,
            migration_class="none",
            passed_freeze=None,
            ends_hold_id=None,
            modules_delta=ModulesDelta({}, {}, {}),
            idempotency_key=None,
            recovery_attempts=0,
            lease_owner=None,
            lease_token=1,
            lease_until=None,
            created_at="",
            deployed_at="",
            activated_at=None,
            ended_at=None,
            error=None,
        )
        self.rows[new.id] = new
        if works:
            if old:
                ended: ReleaseStatus = "rolled_back" if restores else "superseded"
                self.rows[old.id] = old._replace(status=ended)
            self.active = new


def history(*images: str) -> History:
    made = History()
    for image in images:
        made.promote(image)
    return made


def test_a_rollback_restores_the_direct_predecessor() -> None:
    assert images_restored(history("a", "b", "c"), 1) == ["b"]


def test_a_second_rollback_walks_further_back() -> None:
    assert images_restored(history("a", "b", "c"), 3) == ["b", "a", None]


def test_a_rollback_never_returns_to_the_bad_one() -> None:
    made = history("a", "b")
    made.roll_back()
    made.promote("c")
    assert images_restored(made, 2) == ["a", None]


def test_an_image_promoted_twice_is_left_by_one_rollback() -> None:
    assert images_restored(history("a", "b", "b"), 1) == ["a"]


def test_a_run_of_rollbacks_passes_over_an_older_row_of_the_bad_image() -> None:
    assert images_restored(history("a", "bad", "c", "bad"), 3) == ["c", "a", None]


def test_promoting_the_bad_one_again_on_purpose_makes_it_a_target_again() -> None:
    made = history("a", "b")
    made.roll_back()
    made.promote("b")
    made.promote("c")
    assert images_restored(made, 2) == ["b", "a"]


def test_a_release_that_never_served_is_no_target() -> None:
    made = history("a")
    made.promote("broken", works=False)
    made.promote("b")
    assert images_restored(made, 1) == ["a"]


def test_the_first_release_has_nothing_to_go_back_to() -> None:
    assert images_restored(history("a"), 1) == [None]


def images_restored(made: History, times: int) -> list[str | None]:
    targets = [made.roll_back() for _ in range(times)]
    return [target.image_digest if target else None for target in targets]


@given(st.lists(st.sampled_from(["a", "b", "c", "broken", "back"]), max_size=30))
def test_every_run_of_rollbacks_ends_without_serving_an_image_it_left(steps: list[str]) -> None:
    made = History()
    for step in steps:
        if step == "back":
            made.roll_back()
        else:
            made.promote(step, works=step != "broken")
    left = {made.active.image_digest} if made.active else set()
    while target := made.target():
        assert target.status == "superseded"
        assert target.image_digest not in left
        left.add(target.image_digest)
        made.roll_back()
    assert "broken" not in left
    assert len(left) <= 3


def test_the_delta_names_what_was_added_removed_and_changed() -> None:
    before = [
        BuildModule("b", "1.0", "s1"),
        BuildModule("c", "1.0", "s1"),
        BuildModule("d", "1", "s"),
    ]
    after = [
        BuildModule("c", "1.1", "s2"),
        BuildModule("a", "0.1", "s1"),
        BuildModule("d", "1", "s"),
    ]
    expected = ModulesDelta({"a": "0.1"}, {"b": "1.0"}, {"c": ("1.0", "1.1")})
    assert expected == rules.modules_delta(before, after)


def test_new_sources_under_an_old_version_are_a_change() -> None:
    delta = rules.modules_delta([BuildModule("a", "1.0", "s1")], [BuildModule("a", "1.0", "s2")])
    assert delta.changed == {"a": ("1.0", "1.0")}


def test_another_layer_of_the_same_sources_is_no_change() -> None:
    built = BuildModule("a", "1.0", "s1", "layer")
    delta = rules.modules_delta([BuildModule("a", "1.0", "s1")], [built])
    assert ModulesDelta({}, {}, {}) == delta
