"""What the records accept, answer and refuse about builds."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from xtask.digest import sha256
from xtask.errors import RefusedError

if TYPE_CHECKING:
    from tests.records.conftest import Shop
    from xtask.records.store import Records


def test_a_finished_build_carries_its_evidence(shop: Shop) -> None:
    build = shop.finish(shop.running("a"), "a")
    assert (build.status, build.stage, build.progress) == ("succeeded", "complete", 100)
    assert build.image_digest == sha256(b"image a")
    assert {module.layer_digest for module in build.modules} == {sha256(b"layer a")}
    assert build == shop.records.build(build.id)


def test_dates_are_utc_text(shop: Shop) -> None:
    assert shop.running("a").created_at == "2026-11-21T10:30:00.010Z"


def test_the_first_build_adds_every_module_and_the_next_says_what_changed(shop: Shop) -> None:
    first, second = shop.built("a"), shop.built("b")
    assert first.modules_delta.added == {"commerce": "2.0.0+a", "content": "1.0.0"}
    assert second.modules_delta.changed == {"commerce": ("2.0.0+a", "2.0.0+b")}
    assert second.modules_delta.added == {}


def test_an_older_failed_attempt_does_not_hide_the_success(shop: Shop) -> None:
    shop.records.fail_build(shop.running("a"), "disk full")
    build = shop.built("a")
    assert shop.records.live_build(build.manifest_hash) == build


def test_a_failed_build_is_not_live(shop: Shop) -> None:
    build = shop.records.fail_build(shop.running("a"), "disk full")
    assert (build.status, build.error) == ("failed", "disk full")
    assert shop.records.live_build(build.manifest_hash) is None


def test_r5_refuses_a_second_build_of_a_built_manifest(shop: Shop) -> None:
    build = shop.built("a")
    with pytest.raises(RefusedError, match=f"is succeeded as build {build.id}"):
        shop.running("a")


def test_refuses_a_second_build_while_another_process_may_run_the_first(shop: Shop) -> None:
    first = shop.running("a")
    with pytest.raises(RefusedError, match=rf"running as build {first.id} \(by ci, since 2026"):
        shop.running("a")
    assert shop.records.build(first.id) == first


def test_a_running_build_is_lost_for_who_knows_to_be_alone(shop: Shop) -> None:
    first = shop.running("a")
    second = shop.running("a", alone=True)
    lost = shop.records.build(first.id)
    assert (lost.status, lost.error) == ("failed", "builder lost")
    assert shop.records.live_build(first.manifest_hash) == second


def test_who_is_alone_cannot_replace_a_success(shop: Shop) -> None:
    build = shop.built("a")
    with pytest.raises(RefusedError, match=f"is succeeded as build {build.id}"):
        shop.running("a", alone=True)


@pytest.mark.parametrize("final", ["succeeded", "failed", "cancelled"])
def test_r4_a_final_build_never_runs_again(shop: Shop, final: str) -> None:
    build = shop.running("a")
    if final == "succeeded":
        shop.finish(build, "a")
    elif final == "failed":
        shop.records.fail_build(build, "x")
    else:
        shop.records.cancel_build(build.id, actor="bob")
        shop.records.fail_build(build, "interrupted")
    with pytest.raises(RefusedError, match=f"is {final} and cannot advance"):
        shop.records.advance_build(build, "image", 10)
    with pytest.raises(RefusedError, match=f"is {final} and cannot become failed"):
        shop.records.fail_build(build, "late")


def test_progress_never_decreases(shop: Shop) -> None:
    build = shop.running("a")
    shop.records.advance_build(build, "image", 60)
    with pytest.raises(RefusedError, match="progress never decreases"):
        shop.records.advance_build(build, "image", 10)
    assert (shop.records.build(build.id).stage, 60) == ("image", 60)


def test_finishing_again_with_the_same_image_gives_the_same_row(shop: Shop) -> None:
    build = shop.built("a")
    assert shop.finish(build, "a") == build


def test_refuses_another_image_for_a_manifest_hash_that_has_one(shop: Shop) -> None:
    build = shop.built("a")
    with pytest.raises(RefusedError, match=f"{build.manifest_hash} has the image"):
        shop.finish(build, "other")


def test_builds_are_listed_newest_first(shop: Shop) -> None:
    names = [shop.built(name).id for name in "abc"]
    assert [build.id for build in shop.records.builds()] == names[::-1]
    assert [build.id for build in shop.records.builds(limit=1)] == names[2:]


def test_a_build_is_found_by_any_of_its_names(shop: Shop) -> None:
    build = shop.built("a")
    shop.built("b")
    release = shop.promoted(build)
    digits = build.manifest_hash.removeprefix("sha256:")
    for what in (
        build.id, build.id[:6], build.manifest_hash, digits, digits[:8],
        f"sha256:{digits[:8]}", release.id,
    ):  # fmt: skip
        assert shop.records.find_build(what) == build


def test_a_build_is_found_by_the_beginning_of_its_release(shop: Shop) -> None:
    builds = [shop.built(name) for name in "ab"]
    releases = [shop.promoted(build) for build in builds]
    for build, release in zip(builds, releases, strict=True):
        assert shop.records.find_build(release.id[:-2]) == build


def test_a_beginning_of_several_releases_of_one_build_means_that_build(shop: Shop) -> None:
    build = shop.built("a")
    shop.promoted(build, "staging")
    shop.promoted(build, "prod")
    assert shop.records.find_build("rel_20261121") == build


def test_refuses_a_beginning_of_releases_of_several_builds(shop: Shop) -> None:
    builds = [shop.built(name) for name in "ab"]
    for build in builds:
        shop.promoted(build)
    with pytest.raises(RefusedError, match="'rel_2026' names several builds") as refused:
        shop.records.find_build("rel_2026")
    assert all(build.id in refused.value.message for build in builds)


@pytest.mark.parametrize("what", ["", "%", "rel%", "rel_%", "rel_2027", "2026", "r_l"])
def test_refuses_a_name_that_no_release_begins_with(shop: Shop, what: str) -> None:
    shop.promoted(shop.built("a"))
    with pytest.raises(RefusedError, match=r"no build .* is recorded"):
        shop.records.find_build(what)


def test_failed_builds_count(shop: Shop) -> None:
    assert shop.records.count_builds() == 0
    shop.built("a")
    shop.records.fail_build(shop.running("b"), "x")
    assert shop.records.count_builds() == 2


def test_a_hash_means_the_live_build_even_when_the_clock_went_back(shop: Shop) -> None:
    start = shop.records.now()
    shop.records.fail_build(shop.running("a"), "x")
    shop.records.now = lambda: start - timedelta(hours=1)
    build = shop.built("a")
    assert shop.records.find_build(build.manifest_hash) == build


def test_a_hash_without_live_build_means_the_newest_attempt(shop: Shop) -> None:
    for error in ("first", "second"):
        shop.records.fail_build(shop.running("a"), error)
    newest = shop.records.builds(limit=1)[0]
    assert shop.records.find_build(newest.manifest_hash).error == "second"


@pytest.mark.parametrize("what", ["", "nothing", "sha256:1234567", "%", "_" * 8, "rel_%"])
def test_refuses_a_name_that_no_build_has(shop: Shop, what: str) -> None:
    shop.built("a")
    with pytest.raises(RefusedError, match=r"no build .* is recorded"):
        shop.records.find_build(what)


def test_refuses_a_name_that_two_builds_share(
    records: Records, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = shop.built("a")
    twin = first.id[:-1] + ("0" if first.id[-1] != "0" else "1")
    monkeypatch.setattr(records, "new_id", lambda: twin)
    shop.built("b")
    with pytest.raises(RefusedError, match="names several builds") as refused:
        records.build(first.id[:8])
    assert {first.id, twin} <= set(refused.value.message.replace("(", " ").split())
    assert records.build(first.id) == first
