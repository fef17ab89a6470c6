"""Pages: anybody reads them, only the token changes them, and one counts orders."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from pages.api import router
from pages.hooks import on_order_placed
from server.registry import Hook, Migration, Module, Permission, Router

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastapi.testclient import TestClient

    Serve = Callable[..., TestClient]

ENTRIES = "/api/pages/entries"
DRAFT = {"title": "About us", "body": "We repair lamps."}
PAGES = Module(
    name="pages",
    version="1.0.0",
    package="pages",
    routers=(Router("/api/pages", lambda: router),),
    permissions=(Permission("pages.page.read", "Read"), Permission("pages.page.write", "Edit")),
    hooks=(Hook("commerce.order.placed", 100, lambda: on_order_placed),),
    migrations=(
        Migration("migrations/0001_entries.up.sql", "migrations/0001_entries.down.sql"),
        Migration("migrations/0002_order_count.up.sql", "migrations/0002_order_count.down.sql"),
    ),
)


@pytest.fixture
def client(serve: Serve) -> TestClient:
    return serve(PAGES)


def test_saving_twice_replaces_the_page(client: TestClient, admin: dict[str, str]) -> None:
    client.put(f"{ENTRIES}/about-us", json=DRAFT, headers=admin)
    changed = client.put(f"{ENTRIES}/about-us", json=DRAFT | {"body": "New"}, headers=admin).json()
    assert changed["body"] == "New"
    assert client.get(ENTRIES).json() == [changed]
    assert client.get(f"{ENTRIES}/about-us").json() == changed


def test_a_deleted_page_is_gone(client: TestClient, admin: dict[str, str]) -> None:
    client.put(f"{ENTRIES}/about-us", json=DRAFT, headers=admin)
    answers = [client.delete(f"{ENTRIES}/about-us", headers=admin).status_code for _ in range(2)]
    assert answers == [204, 404]
    assert client.get(f"{ENTRIES}/about-us").status_code == 404


def test_nobody_changes_a_page_without_the_token(client: TestClient, admin: dict[str, str]) -> None:
    page = client.put(f"{ENTRIES}/about-us", json=DRAFT, headers=admin).json()
    assert client.put(f"{ENTRIES}/about-us", json=DRAFT | {"body": "x"}).status_code == 401
    assert client.delete(f"{ENTRIES}/about-us").status_code == 401
    assert client.get(f"{ENTRIES}/about-us").json() == page


@pytest.mark.parametrize("slug", ["Upper", "a--b", "-a", "a_b", "%2e%2e", "a" * 101, "a%0a"])
def test_refuses_a_slug_that_is_no_address(
    client: TestClient, admin: dict[str, str], slug: str
) -> None:
    response = client.put(f"{ENTRIES}/{slug}", json=DRAFT, headers=admin)
    assert response.status_code in {404, 405, 422}
    assert client.get(ENTRIES).json() == []


def test_markup_is_stored_as_the_text_that_it_is(client: TestClient, admin: dict[str, str]) -> None:
    body = "<script>alert(1)</script>"
    client.put(f"{ENTRIES}/about-us", json=DRAFT | {"body": body}, headers=admin)
    assert client.get(f"{ENTRIES}/about-us").json()["body"] == body


@pytest.mark.parametrize(("orders", "text"), [(1, "1 order so far."), (3, "3 orders so far.")])
def test_the_order_book_counts_orders_and_tells_nothing_else(
    client: TestClient, orders: int, text: str
) -> None:
    application: Any = client.app
    with application.state.runtime.work() as context:
        for number in range(orders):
            context.publish("commerce.order.placed", {"order_id": number, "total": 4711})
    assert client.get(f"{ENTRIES}/order-book").json()["body"] == text


def test_health_reads_the_table(client: TestClient) -> None:
    assert client.get("/api/pages/health").json() == {"status": "ok"}
