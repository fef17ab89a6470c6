"""Invoices: nothing happens until both switches are off; then each order has one, in turn."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from app.modules.invoices.backend.clock import read_clock

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastapi.testclient import TestClient
    from httpx2 import Response
    from server.registry import Module

    Serve = Callable[..., TestClient]
    Composed = Callable[..., tuple[Module, ...]]

INVOICES = "/api/v1/invoices"
NEW_YEARS_EVE = datetime(2026, 12, 31, 23, 59, 0, tzinfo=UTC)
WRITES = {"MODULES__INVOICES__READ_ONLY": "false"}
STORES = WRITES | {"MODULES__INVOICES__DRY_RUN": "false"}
FIRST = {
    "number": 1,
    "order_id": 1,
    "issued_on": "2026-12-31",
    "due_on": "2027-01-14",
    "currency": "EUR",
    "total": 8900,
}


@pytest.fixture
def shop(serve: Serve, composed: Composed, admin: dict[str, str]) -> Callable[..., TestClient]:
    """Return a function that serves a shop with three orders, at the end of a year."""

    def start(**environ: str) -> TestClient:
        client = serve(*composed("content", "commerce", "invoices"), **environ)
        app: Any = client.app
        app.dependency_overrides[read_clock] = lambda: NEW_YEARS_EVE
        lamp = {"name": "Lamp", "price": 8900, "stock": 3}
        client.post("/api/commerce/products", json=lamp, headers=admin)
        for _ in range(3):
            body = {"lines": [{"product_id": 1, "quantity": 1}]}
            client.post("/api/commerce/orders", json=body, headers=admin)
        return client

    return start


def _issue(client: TestClient, admin: dict[str, str], order: int) -> Response:
    return client.post(INVOICES, json={"order_id": order}, headers=admin)


def _stored(client: TestClient, admin: dict[str, str]) -> list[tuple[int, int]]:
    found = client.get(INVOICES, headers=admin).json()
    return [(invoice["number"], invoice["order_id"]) for invoice in found]


def test_both_switches_are_on_until_somebody_turns_them_off(shop: Serve) -> None:
    health = shop().get(f"{INVOICES}/health").json()
    assert health == {"status": "ok", "read_only": True, "dry_run": True}


def test_read_only_refuses_and_says_how_to_change_it(shop: Serve, admin: dict[str, str]) -> None:
    client = shop(MODULES__INVOICES__DRY_RUN="false")
    refused = _issue(client, admin, 1)
    assert refused.status_code == 403
    assert "MODULES__INVOICES__READ_ONLY" in refused.json()["detail"]
    assert _stored(client, admin) == []


def test_a_dry_run_shows_the_invoice_and_stores_nothing(shop: Serve, admin: dict[str, str]) -> None:
    client = shop(**WRITES)
    answers = [_issue(client, admin, 1).json() for _ in range(2)]
    assert answers == [{"invoice": FIRST, "dry_run": True}] * 2
    assert _stored(client, admin) == []


def test_an_order_has_one_invoice_and_numbers_have_no_gaps(
    shop: Serve, admin: dict[str, str]
) -> None:
    client = shop(**STORES)
    assert _issue(client, admin, 1).json() == {"invoice": FIRST, "dry_run": False}
    codes = [_issue(client, admin, order).status_code for order in (1, 4, 3)]
    assert codes == [409, 422, 200]
    assert _stored(client, admin) == [(2, 3), (1, 1)]


def test_days_to_pay_are_a_setting(shop: Serve, admin: dict[str, str]) -> None:
    client = shop(**STORES, MODULES__INVOICES__DAYS_TO_PAY="30")
    assert _issue(client, admin, 1).json()["invoice"]["due_on"] == "2027-01-30"


def test_nobody_sees_or_issues_invoices_without_the_token(
    shop: Serve, admin: dict[str, str]
) -> None:
    client = shop(**STORES)
    assert _issue(client, {}, 1).status_code == 401
    assert client.get(INVOICES).status_code == 401
    assert _stored(client, admin) == []


@pytest.mark.parametrize("order", [0, 2**63, "x", None], ids=repr)
def test_refuses_a_malformed_order(shop: Serve, admin: dict[str, str], order: object) -> None:
    assert shop(**STORES).post(INVOICES, json={"order_id": order}, headers=admin).status_code == 422


@pytest.mark.parametrize(
    ("environ", "mode"),
    [
        ({}, "Read-only: nothing is issued."),
        (WRITES, "Dry run: invoices are drawn up and not stored."),
        (STORES, "Invoices are issued."),
    ],
    ids=["read only", "dry run", "neither"],
)
def test_the_page_says_what_would_happen(shop: Serve, environ: dict[str, str], mode: str) -> None:
    client = shop(**environ)
    page = client.get("/invoices")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert '<p class="count">0 invoices</p>' in page.text
    assert f"<p>{mode}</p>" in page.text
    assert "As of 2026-12-31 23:59 UTC." in page.text
    assert client.get("/assets/invoices/invoices.css").status_code == 200


def test_the_page_counts_and_names_nothing(shop: Serve, admin: dict[str, str]) -> None:
    client = shop(**STORES)
    _issue(client, admin, 2)
    page = client.get("/invoices").text
    assert "1 invoice</p>" in page
    assert "8900" not in page
