"""The measures of delivery, from changes whose times are known."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from tests.records.conftest import CLAIM, asked
from xtask.records.dora import Change, Delivery, delivery, exposition
from xtask.records.values import timestamp

if TYPE_CHECKING:
    from tests.records.conftest import Shop

_START = datetime(2026, 11, 1, tzinfo=UTC)


def at(hours: float) -> str:
    return timestamp(_START + timedelta(hours=hours))


def change(built: float, active: float, restored: float | None = None) -> Change:
    back = at(restored) if restored is not None else None
    return Change(at(built), at(active), restored is not None, back, at(active))


def test_nothing_delivered_has_no_measures() -> None:
    assert delivery("prod", 30, []) == Delivery("prod", 30, 0, 0, 0.0, None, None, None)


def test_four_measures_of_four_changes() -> None:
    changes = [change(0, 2), change(3, 4), change(5, 9, restored=9.5), change(10, 11)]
    found = delivery("prod", 2, changes)
    assert (found.deployments, found.failures, found.deployments_per_day) == (4, 1, 2.0)
    assert found.lead_time_seconds == 1.5 * 3600
    assert found.change_failure_rate == 0.25
    assert found.time_to_restore_seconds == 1800


def test_a_change_that_was_undone_before_it_was_active_is_a_failure_and_no_deployment() -> None:
    undone = Change(at(0), None, failed=True, restored_at=at(1.25), deployed_at=at(1))
    found = delivery("prod", 1, [undone])
    assert (found.deployments, found.failures, found.change_failure_rate) == (0, 1, 1.0)
    assert found.time_to_restore_seconds == 900


def test_what_the_records_say_of_a_rollback(shop: Shop) -> None:
    good, bad = shop.built("good"), shop.built("bad")
    shop.promoted(good)
    shop.promoted(bad)
    shop.rolled_back()
    undone = shop.records.verify_release(shop.begun(shop.built("undone")))
    recovering = shop.records.recover_release(undone, "unhealthy")
    shop.records.fail_release(recovering, "unhealthy")
    never = shop.begun(shop.built("never"))
    shop.records.fail_release(never, "image is gone")
    changes = shop.records.changes("prod", 30)
    assert [(one.failed, one.activated_at is not None) for one in changes] == [
        (False, True), (True, True), (True, False),
    ]  # fmt: skip
    found = delivery("prod", 30, changes)
    assert (found.deployments, found.failures) == (2, 2)
    assert found.time_to_restore_seconds is not None


def test_a_redeployment_hides_no_failure(shop: Shop) -> None:
    shop.promoted(shop.built("good"))
    bad = shop.promoted(shop.built("bad"))
    request = asked(shop.records.build(bad.build_id), kind="redeploy")
    begun = shop.records.begin_release(request, CLAIM)
    shop.records.activate_release(shop.records.verify_release(begun))
    back = shop.rolled_back()
    good, failed = shop.records.changes("prod", 30)
    assert (good.failed, failed.failed) == (False, True)
    assert failed.restored_at == back.activated_at


def test_the_exposition_is_what_prometheus_reads() -> None:
    from prometheus_client.parser import text_string_to_metric_families

    measured = [delivery("prod", 30, [change(0, 2)]), delivery("empty", 30, [])]
    families = {
        family.name: {sample.labels["environment"]: sample.value for sample in family.samples}
        for family in text_string_to_metric_families(exposition(measured) + "\n")
    }
    assert families["xtask_deployments"] == {"prod": 1.0, "empty": 0.0}
    assert families["xtask_lead_time_seconds"] == {"prod": 7200.0}
    assert families["xtask_change_failure_ratio"] == {"prod": 0.0}
