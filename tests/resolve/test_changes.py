"""Which step of a version a change needs: the rules of Flux, one row each."""

from __future__ import annotations

from typing import Any

import pytest

from xtask.resolve.changes import compare, given

SETTING = {"type": "integer", "default": 1, "required": False, "minimum": None, "options": []}
STATE: dict[str, Any] = {
    "version": "1.2.3",
    "description": "A shop",
    "requires": ["host"],
    "routers": [{"prefix": "/api/shop", "target": "shop.api:router"}],
    "apps": [],
    "endpoints": [{"method": "GET", "path": "/api/vms", "target": "a:b", "permissions": ["vm:r"]}],
    "operations": [{"method": "GET", "path": "/api/shop/orders"}],
    "answers": [{"method": "GET", "path": "/api/shop/bills"}],
    "routes": [{"name": "shop.all", "path": "/shop", "entry": "a.js", "permissions": []}],
    "navigation": [{"label": "Shop", "route": "shop.all", "path": "", "order": 10}],
    "permissions": {"shop:read": "Read"},
    "settings": {"size": SETTING},
    "jobs": [{"name": "shop.tidy", "target": "shop.jobs:tidy", "schedule": "0 0 * * *"}],
    "hooks": [{"event": "on_x", "target": "shop:on_x", "signature": "async (data, context)"}],
    "emits": ["shop.paid"],
    "migrations": [{"up": "001.sql", "content": ["sha256:a", "sha256:b"]}],
    "tables": ["shop_orders"],
    "columns": {"shop_orders": {"names": ["id", "total"], "inherits": ["Base"]}},
    "app_range": ">=1.2.0",
    "health": "/api/shop/health",
}


def changed(**parts: Any) -> tuple[str, list[str]]:
    changes = compare(STATE, {**STATE, **parts}, same_source=False)
    return changes.needed, [reason.text for reason in changes.reasons]


GONE = {
    "routers": "router `/api/shop`",
    "endpoints": "endpoint `GET /api/vms`",
    "operations": "endpoint `GET /api/shop/orders`",
    "answers": "endpoint `GET /api/shop/bills`",
    "routes": "page `/shop`",
    "permissions": "permission `shop:read`",
    "settings": "setting `size`",
    "jobs": "job `shop.tidy`",
    "hooks": "hook `on_x shop:on_x`",
    "emits": "event `shop.paid`",
    "migrations": "migration `001.sql`",
    "tables": "table `shop_orders`",
}


@pytest.mark.parametrize("part", GONE)
def test_f13_what_is_gone_needs_a_major_step(part: str) -> None:
    nothing: Any = type(STATE[part])()
    assert changed(**{part: nothing}) == ("major", [f"{GONE[part]} is gone"])


@pytest.mark.parametrize("part", GONE)
def test_f13_what_is_new_needs_a_minor_step(part: str) -> None:
    nothing: Any = type(STATE[part])()
    changes = compare({**STATE, part: nothing}, STATE, same_source=False)
    assert changes.needed == "minor"
    assert [reason.text for reason in changes.reasons] == [f"{GONE[part]} is new"]


@pytest.mark.parametrize(
    ("part", "now", "needed", "reason"),
    [
        ("routes", [{**STATE["routes"][0], "path": "/store"}], "major", "page `/shop` is gone"),
        ("routes", [{**STATE["routes"][0], "permissions": ["shop:read"]}], "major",
         "page `/shop`: permissions changed"),
        ("routes", [{**STATE["routes"][0], "entry": "b.js"}], "patch", "its files changed"),
        ("endpoints", [{**STATE["endpoints"][0], "permissions": []}], "major",
         "endpoint `GET /api/vms`: permissions changed"),
        ("endpoints", [{**STATE["endpoints"][0], "target": "c:d"}], "patch", "its files changed"),
        ("permissions", {"shop:read": "Look"}, "patch", "its files changed"),
        ("navigation", [], "minor", "link `Shop shop.all` is gone"),
        ("settings", {"size": {**SETTING, "type": "string"}}, "major",
         "setting `size`: type changed"),
        ("settings", {"size": {**SETTING, "default": 2}}, "minor",
         "setting `size` has another default"),
        ("settings", {"size": {**SETTING, "required": True}}, "major",
         "setting `size` is required now"),
        ("settings", {"size": SETTING, "key": {**SETTING, "required": True}}, "major",
         "setting `key` is required"),
        ("hooks", [{**STATE["hooks"][0], "signature": "async (data)"}], "major",
         "hook `on_x shop:on_x`: signature changed"),
        ("jobs", [{**STATE["jobs"][0], "schedule": "1 0 * * *"}], "patch", "its files changed"),
        ("migrations", [{"up": "001.sql", "content": ["sha256:c", "sha256:b"]}], "major",
         "migration `001.sql`: content changed"),
        ("app_range", ">=2.0.0", "major", "it works with application `>=2.0.0`, not `>=1.2.0`"),
        ("app_range", ">=1.3.0", "patch", "it works with application `>=1.3.0`, not `>=1.2.0`"),
        ("app_range", None, "patch", "it works with application `*`, not `>=1.2.0`"),
        ("requires", [], "major", "it no longer needs `host`, so products may lose it"),
        ("requires", ["cart", "host"], "minor", "it needs `cart`"),
        ("health", None, "major", "health is answered nowhere, not at `/api/shop/health`"),
        ("description", "Our shop", "patch", "its files changed"),
    ],
)  # fmt: skip
def test_f13_what_changed_needs_its_step(part: str, now: Any, needed: str, reason: str) -> None:
    step, reasons = changed(**{part: now})
    assert step == needed
    assert reasons[0] == reason


def test_the_largest_step_counts_and_every_reason_is_named() -> None:
    step, reasons = changed(emits=["shop.sold"], tables=["shop_orders", "shop_bills"])
    assert step == "major"
    assert reasons == [
        "event `shop.paid` is gone",
        "event `shop.sold` is new",
        "table `shop_bills` is new",
    ]


def test_a_new_migration_that_drops_something_needs_a_major_step() -> None:
    step = {"up": "002.sql", "removes": True, "content": ["sha256:c", "sha256:d"]}
    needed, reasons = changed(migrations=[*STATE["migrations"], step])
    assert needed == "major"
    assert "migration `002.sql` drops or renames something" in reasons
    assert changed(migrations=[*STATE["migrations"], {**step, "removes": False}])[0] == "minor"


def with_columns(*names: str, table: str = "shop_orders", base: str = "Base") -> Any:
    return changed(columns={table: {"names": list(names), "inherits": [base]}})


def test_a_column_that_is_gone_needs_a_major_step() -> None:
    gone = "column `shop_orders.total` is gone"
    assert with_columns("id") == ("major", [gone])
    assert with_columns("id", "sum") == ("major", [gone, "column `shop_orders.sum` is new"])


def test_a_column_that_is_new_needs_a_minor_step() -> None:
    assert with_columns("id", "total", "vat") == ("minor", ["column `shop_orders.vat` is new"])


def test_columns_that_may_be_there_unseen_are_not_compared() -> None:
    nothing = ("patch", ["its files changed"])
    assert with_columns("id", base="Stamped") == nothing
    assert with_columns() == nothing


def test_a_table_that_only_code_tells_of_is_compared() -> None:
    assert with_columns("id", table="bills") == ("minor", ["table `bills` is new"])
    found = {"bills": {"names": ["id"], "inherits": []}}
    changes = compare({**STATE, "columns": found}, STATE, same_source=False)
    assert [reason.text for reason in changes.reasons] == ["table `bills` is gone"]


def test_nothing_changed_needs_no_step() -> None:
    changes = compare(STATE, STATE, same_source=True)
    assert (changes.needed, changes.given, changes.reasons) == ("none", "none", ())
    assert changes.is_enough


def test_a_kind_that_only_one_state_knows_is_not_compared() -> None:
    less = {
        key: part
        for key, part in STATE.items()
        if key not in {"operations", "app_range", "columns"}
    }
    assert compare(less, STATE, same_source=True).needed == "none"
    assert compare(STATE, less, same_source=True).needed == "none"


@pytest.mark.parametrize(
    ("version", "needed"), [("1.2.3", "major"), ("0.2.3", "minor"), ("0.0.1", "minor")]
)
def test_before_the_first_version_every_step_is_one_lower(version: str, needed: str) -> None:
    before = {**STATE, "version": version}
    assert compare(before, {**before, "emits": []}, same_source=False).needed == needed
    more = {**before, "emits": ["shop.paid", "shop.sold"]}
    assert compare(before, more, same_source=False).needed == {"major": "minor"}.get(
        needed, "patch"
    )


@pytest.mark.parametrize(
    ("before", "after", "step"),
    [
        ("1.2.3", "1.2.3", "none"), ("1.2.3", "1.2.4", "patch"), ("1.2.3", "1.3.0", "minor"),
        ("1.2.3", "2.0.0", "major"), ("1.2.3", "2.0.0-rc.1", "major"), ("1.2.3", "1.2.2", "none"),
        ("1.2.3", "0.9.0", "none"), ("1.2.3-rc.1", "1.2.3", "patch"),
    ],
)  # fmt: skip
def test_the_step_between_two_versions(before: str, after: str, step: str) -> None:
    assert given(before, after) == step


def test_f13_a_larger_step_than_needed_is_enough_and_a_smaller_one_is_not() -> None:
    for version, enough in (("1.2.4", False), ("1.3.0", False), ("2.0.0", True)):
        now = {**STATE, "emits": [], "version": version}
        assert compare(STATE, now, same_source=False).is_enough is enough
