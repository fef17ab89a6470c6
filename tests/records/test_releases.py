"""Promotion and rollback: what links to what, and who is refused."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select, text

from tests.records.conftest import CLAIM, asked
from xtask.digest import sha256
from xtask.errors import RefusedError, UntrustedError
from xtask.records import triggers
from xtask.records.store import open_records
from xtask.records.tables import events

if TYPE_CHECKING:
    from tests.records.conftest import Shop
    from xtask.records.store import Records
    from xtask.records.values import Build


def moves(records: Records, release_id: str) -> list[tuple[str | None, str]]:
    query = (
        select(events.c.from_status, events.c.to_status)
        .where(events.c.subject == "release", events.c.subject_id == release_id)
        .order_by(events.c.seq)
    )
    with records.reading() as connection:
        return [tuple(row) for row in connection.execute(query)]


def test_r6_a_promotion_supersedes_the_active_release(shop: Shop) -> None:
    first, second = shop.promoted(shop.built("a")), shop.promoted(shop.built("b"))
    assert (second.status, second.kind, second.generation) == ("active", "promote", 2)
    assert second.previous_release_id == first.id
    assert shop.records.release(first.id).status == "superseded"
    assert shop.records.active_release("prod") == second
    assert second.modules_delta.changed == {"commerce": ("2.0.0+a", "2.0.0+b")}


def test_a_rollback_is_a_new_row_that_links_both_sides(shop: Shop) -> None:
    first, bad = shop.promoted(shop.built("a")), shop.promoted(shop.built("b"))
    back = shop.rolled_back()
    assert (back.kind, back.generation, back.build_id) == ("rollback", 3, first.build_id)
    assert (back.previous_release_id, back.restores_release_id) == (bad.id, first.id)
    assert shop.records.release(bad.id).status == "rolled_back"
    assert shop.records.release(first.id).status == "superseded"
    assert back.modules_delta.changed == {"commerce": ("2.0.0+b", "2.0.0+a")}


def test_a_second_rollback_walks_further_back(shop: Shop) -> None:
    first, second, _ = (shop.promoted(shop.built(name)) for name in "abc")
    assert shop.rolled_back().restores_release_id == second.id
    assert shop.rolled_back().restores_release_id == first.id
    with pytest.raises(RefusedError, match="prod has nothing good before"):
        shop.records.rollback_plan("prod")


def test_a_rollback_passes_over_a_release_that_failed(shop: Shop) -> None:
    first = shop.promoted(shop.built("a"))
    failed = shop.begun(shop.built("broken"))
    shop.records.fail_release(failed, "not healthy")
    shop.promoted(shop.built("b"))
    assert shop.records.rollback_plan("prod").target.id == first.id


def test_r6_the_predecessor_is_of_the_same_environment(shop: Shop) -> None:
    build = shop.built("a")
    shop.promoted(build, "staging")
    release = shop.promoted(build, "prod")
    assert (release.previous_release_id, release.generation) == (None, 1)
    assert shop.records.active_release("staging").environment == "staging"


def test_r6_the_predecessor_is_what_is_active_and_not_what_came_last(shop: Shop) -> None:
    first = shop.promoted(shop.built("a"))
    shop.records.fail_release(shop.begun(shop.built("broken")), "not healthy")
    assert shop.begun(shop.built("b")).previous_release_id == first.id


def test_releases_of_one_second_have_distinct_ids_of_one_form(shop: Shop) -> None:
    ids = {shop.promoted(shop.built(name)).id for name in "abcdef"}
    assert len(ids) == 6
    assert all(re.fullmatch(r"rel_20261121_1030\d\d_[0-9a-f]{6}", one) for one in ids)


def test_every_status_of_a_release_leaves_one_event(shop: Shop) -> None:
    first = shop.promoted(shop.built("a"))
    shop.promoted(shop.built("b"))
    assert moves(shop.records, first.id) == [
        (None, "pending"),
        ("pending", "approved"),
        ("approved", "deploying"),
        ("deploying", "verifying"),
        ("verifying", "active"),
        ("active", "superseded"),
    ]


def test_an_event_says_who_and_why(shop: Shop) -> None:
    release = shop.begun(shop.built("a"))
    shop.records.fail_release(release, "not healthy", actor="bob")
    with shop.records.reading() as connection:
        query = select(events.c.actor, events.c.detail).where(events.c.subject == "release")
        rows = [tuple(row) for row in connection.execute(query.order_by(events.c.seq))]
    assert (rows[0], rows[-1]) == (("ann", "it is time"), ("bob", "not healthy"))


def test_a_failed_release_leaves_its_predecessor_active_and_the_environment_free(
    shop: Shop,
) -> None:
    first = shop.promoted(shop.built("a"))
    failed = shop.records.fail_release(shop.begun(shop.built("b")), "not healthy")
    assert (failed.status, failed.error) == ("failed", "not healthy")
    assert shop.records.active_release("prod") == first
    assert shop.records.in_flight("prod") is None


def test_an_unknown_outcome_keeps_the_environment_taken(shop: Shop) -> None:
    release = shop.records.verify_release(shop.begun(shop.built("a")))
    release = shop.records.recover_release(release, "not healthy")
    shop.records.require_recovery(release, "the engine does not answer")
    assert shop.records.in_flight("prod").status == "recovery_required"
    with pytest.raises(RefusedError, match="recovery_required, since"):
        shop.begun(shop.built("b"))


def test_refuses_a_second_release_and_says_who_holds_the_environment(shop: Shop) -> None:
    release = shop.begun(shop.built("a"))
    expected = (
        f"prod is taken by {release.id}: promote by ann, deploying, since {release.created_at}"
    )
    with pytest.raises(RefusedError) as refused:
        shop.begun(shop.built("b"))
    assert refused.value.message == f"{expected} (it is time)"
    assert shop.begun(shop.built("c"), "staging").status == "deploying"


def test_refuses_a_build_that_did_not_succeed(shop: Shop) -> None:
    build = shop.running("a")
    with pytest.raises(RefusedError, match="is running: only a succeeded build"):
        shop.begun(build)
    with pytest.raises(RefusedError, match="is failed: only a succeeded build"):
        shop.begun(shop.records.fail_build(build, "x"))


@pytest.mark.parametrize("reason", ["", "  ", "\n"])
def test_refuses_a_release_without_a_reason(shop: Shop, reason: str) -> None:
    build = shop.built("a")
    with pytest.raises(RefusedError, match="needs a reason"):
        shop.begun(build, reason=reason)


def test_refuses_to_activate_what_was_not_verified(shop: Shop) -> None:
    release = shop.begun(shop.built("a"))
    with pytest.raises(RefusedError, match="is deploying and cannot become active"):
        shop.records.activate_release(release)


def test_refuses_to_activate_twice_or_to_revive_a_superseded_release(shop: Shop) -> None:
    first = shop.promoted(shop.built("a"))
    with pytest.raises(RefusedError, match="is active and cannot become active"):
        shop.records.activate_release(first)
    shop.promoted(shop.built("b"))
    with pytest.raises(RefusedError, match="is superseded and cannot become active"):
        shop.records.activate_release(first)


def test_refuses_a_rollback_plan_that_a_promotion_overtook(shop: Shop) -> None:
    shop.promoted(shop.built("a"))
    shop.promoted(shop.built("b"))
    plan = shop.records.rollback_plan("prod")
    shop.promoted(shop.built("c"))
    with pytest.raises(RefusedError, match="the rollback plan is stale"):
        shop.begun(plan.build, kind="rollback", restores=plan.target.id)


def test_refuses_a_rollback_to_a_release_of_another_environment(shop: Shop) -> None:
    first, second = shop.built("a"), shop.built("b")
    for build in (first, second):
        shop.promoted(build, "staging")
        shop.promoted(build, "prod")
    foreign = shop.records.rollback_plan("staging").target
    with pytest.raises(RefusedError, match="the rollback plan is stale"):
        shop.begun(first, "prod", kind="rollback", restores=foreign.id)


def test_refuses_a_rollback_where_nothing_was_ever_active(shop: Shop) -> None:
    with pytest.raises(RefusedError, match="nothing is active in prod"):
        shop.records.rollback_plan("prod")


def test_refuses_an_environment_that_does_not_exist(shop: Shop) -> None:
    with pytest.raises(RefusedError, match="no environment `mars`") as refused:
        shop.begun(shop.built("a"), "mars")
    assert refused.value.help == "there are: `staging` and `prod`"


def test_refuses_a_release_that_does_not_exist(shop: Shop) -> None:
    with pytest.raises(RefusedError, match="no release 'rel_x' is recorded"):
        shop.records.deploy_release("rel_x", CLAIM)


def test_releases_are_listed_newest_first_by_environment_or_all(shop: Shop) -> None:
    build = shop.built("a")
    staged, served = shop.promoted(build, "staging"), shop.promoted(build, "prod")
    assert shop.records.releases() == (served, staged)
    assert shop.records.releases("staging") == (staged,)
    assert shop.records.releases(limit=1) == (served,)


def test_of_many_that_promote_at_once_exactly_one_holds_the_environment(
    shop: Shop, url: str
) -> None:
    builds = [shop.built(name) for name in "abcdefgh"]
    together = Barrier(len(builds))

    def promote(build: Build) -> str:
        with open_records(url) as own:
            together.wait()
            try:
                return own.begin_release(asked(build), CLAIM).id
            except RefusedError as refused:
                return refused.message.partition(":")[0]

    with ThreadPoolExecutor(len(builds)) as pool:
        answers = list(pool.map(promote, builds))
    winner = shop.records.in_flight("prod")
    assert sorted(set(answers)) == sorted([winner.id, f"prod is taken by {winner.id}"])
    assert answers.count(winner.id) == 1


def test_whole_promotions_at_once_leave_a_chain_without_gaps(shop: Shop, url: str) -> None:
    builds = [shop.built(name) for name in "abcdef"]

    def promote(build: Build) -> None:
        with open_records(url) as own:
            for _ in range(5):
                try:
                    release = own.begin_release(asked(build), CLAIM)
                except RefusedError:
                    continue
                own.verify_release(release)
                own.activate_release(release)

    with ThreadPoolExecutor(len(builds)) as pool:
        list(pool.map(promote, builds))
    chain = shop.records.releases("prod", limit=100)[::-1]
    ordered = sorted(chain, key=lambda release: release.generation)
    assert [release.generation for release in ordered] == list(range(1, len(ordered) + 1))
    assert [release.previous_release_id for release in ordered] == [
        None, *(release.id for release in ordered[:-1])
    ]  # fmt: skip
    assert [release.status for release in ordered] == [
        *["superseded"] * (len(ordered) - 1), "active"
    ]  # fmt: skip


def test_releases_share_a_configuration_and_the_log_says_which_each_has(shop: Shop) -> None:
    a, b = shop.built("a"), shop.built("b")
    content = '{"variables":{"LOG":"ä"}}'
    first, second = (shop.promoted(each, configuration=content) for each in (a, b))
    bare = shop.promoted(a)
    digest = sha256(content.encode())
    assert (first.configuration, second.configuration, bare.configuration) == (digest, digest, None)
    assert shop.records.configuration(second) == {"variables": {"LOG": "ä"}}
    assert shop.records.configuration(bare) is None
    for release in (first, bare):
        for event in shop.records.events_of("release", release.id):
            assert json.loads(str(event.facts))["configuration"] == release.configuration


def test_a_configuration_that_somebody_has_changed_is_not_believed(shop: Shop) -> None:
    release = shop.promoted(shop.built("a"), configuration="{}")
    with shop.records.engine.begin() as connection:
        triggers.drop(connection)
        connection.execute(text("UPDATE configurations SET content = '{\"replicas\": 9}'"))
        triggers.install(None, connection)
    with pytest.raises(UntrustedError, match=f"the configuration of {release.id}"):
        shop.records.configuration(release)
    (found,) = shop.records.contradictions()
    assert (found.table, found.id) == ("configurations", release.configuration)
