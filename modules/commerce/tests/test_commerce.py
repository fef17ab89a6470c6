"""Orders: all or nothing, never more than the stock, and other modules hear of them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from commerce.api import router
from content.api import router as content_router
from server.registry import Hook, Migration, Module, Permission, Router, Setting

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastapi.testclient import TestClient
    from httpx2 import Response
    from server.sdk import Context, Event

    Serve = Callable[..., TestClient]

PRODUCTS, ORDERS = "/api/commerce/products", "/api/commerce/orders"
CONTENT = Module(
    name="content",
    version="1.2.0",
    package="content",
    routers=(Router("/api/content", lambda: content_router),),
    permissions=(Permission("content.article.write", "Write"),),
    migrations=(Migration("migrations/0001_articles.up.sql", "migrations/0001_articles.down.sql"),),
)
COMMERCE = Module(
    name="commerce",
    version="1.1.0",
    package="commerce",
    requires=("server", "content"),
    routers=(Router("/api/commerce", lambda: router),),
    permissions=tuple(
        Permission(f"commerce.{name}", name)
        for name in ("product.read", "product.write", "order.place", "order.list")
    ),
    settings=(Setting("currency", "string", "EUR"),),
    migrations=(
        Migration("migrations/0001_products.up.sql", "migrations/0001_products.down.sql"),
        Migration("migrations/0002_orders.up.sql", "migrations/0002_orders.down.sql"),
    ),
)


@pytest.fixture
def client(serve: Serve, admin: dict[str, str]) -> TestClient:
    client = serve(CONTENT, COMMERCE)
    for name, price, stock in (("Lamp", 8900, 5), ("Stool", 14900, 2)):
        body = {"name": name, "price": price, "stock": stock}
        assert client.post(PRODUCTS, json=body, headers=admin).status_code == 201
    return client


def _order(client: TestClient, admin: dict[str, str], *lines: tuple[int, int]) -> Response:
    body = {"lines": [{"product_id": product, "quantity": count} for product, count in lines]}
    return client.post(ORDERS, json=body, headers=admin)


def _stock(client: TestClient) -> dict[str, int]:
    items = client.get(PRODUCTS).json()["items"]
    return {item["name"]: item["stock"] for item in items}


def test_an_order_takes_the_stock_and_sums_the_prices(
    client: TestClient, admin: dict[str, str]
) -> None:
    order = _order(client, admin, (1, 2), (2, 1), (1, 1)).json()
    assert (order["total"], order["currency"]) == (3 * 8900 + 14900, "EUR")
    assert _stock(client) == {"Lamp": 2, "Stool": 1}
    assert client.get(ORDERS, headers=admin).json() == [order]


@pytest.mark.parametrize("line", [(2, 3), (99, 1)])
def test_an_order_that_lacks_one_thing_takes_nothing(
    client: TestClient, admin: dict[str, str], line: tuple[int, int]
) -> None:
    response = _order(client, admin, (1, 1), line)
    assert response.status_code == 409
    assert response.json() == {"detail": f"too few of product {line[0]}"}
    assert _stock(client) == {"Lamp": 5, "Stool": 2}
    assert client.get(ORDERS, headers=admin).json() == []


def test_orders_at_the_same_time_never_oversell(client: TestClient, admin: dict[str, str]) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = pool.map(lambda _: _order(client, admin, (1, 1)).status_code, range(12))
        assert sorted(answers) == [201] * 5 + [409] * 7
    assert _stock(client)["Lamp"] == 0


def test_only_the_token_orders_and_sees_orders(client: TestClient) -> None:
    assert _order(client, {}, (1, 1)).status_code == 401
    assert client.get(ORDERS).status_code == 401
    assert client.get(PRODUCTS).status_code == 200


def test_the_currency_is_a_setting(serve: Serve) -> None:
    client = serve(CONTENT, COMMERCE, MODULES__COMMERCE__CURRENCY="CHF")
    assert client.get(PRODUCTS).json() == {"currency": "CHF", "items": []}


def test_a_product_refers_only_to_a_published_article(
    client: TestClient, admin: dict[str, str]
) -> None:
    article = {"title": "About lamps", "body": "They shine."}
    client.post("/api/content/articles", json=article, headers=admin)
    body = {"name": "Bulb", "price": 500, "stock": 1}
    described = client.post(PRODUCTS, json=body | {"article_id": 1}, headers=admin)
    assert (described.status_code, described.json()["article_id"]) == (201, 1)
    missing = client.post(PRODUCTS, json=body | {"article_id": 2}, headers=admin)
    assert (missing.status_code, missing.json()) == (422, {"detail": "no article 2"})


def test_a_failing_hook_of_another_module_undoes_the_order(
    serve: Serve, admin: dict[str, str]
) -> None:
    heard: list[object] = []

    def fail(_context: Context, event: Event) -> None:
        heard.append(dict(event))
        raise RuntimeError("the listener failed")

    listener = Module(
        "listener", "1.0.0", "x", hooks=(Hook("commerce.order.placed", 1, lambda: fail),)
    )
    client = serve(CONTENT, COMMERCE, listener)
    client.post(PRODUCTS, json={"name": "Lamp", "price": 8900, "stock": 5}, headers=admin)
    with pytest.raises(RuntimeError, match="the listener failed"):
        _order(client, admin, (1, 1))
    assert heard == [{"order_id": 1, "total": 8900, "currency": "EUR"}]
    assert _stock(client) == {"Lamp": 5}


@pytest.mark.parametrize(
    "lines", [[], [{"product_id": 1, "quantity": 0}], [{"product_id": 1, "quantity": -1}], [{}]]
)
def test_refuses_a_malformed_order(
    client: TestClient, admin: dict[str, str], lines: list[dict[str, int]]
) -> None:
    assert client.post(ORDERS, json={"lines": lines}, headers=admin).status_code == 422


def test_health_reads_the_tables(client: TestClient) -> None:
    assert client.get("/api/commerce/health").json() == {"status": "ok"}
