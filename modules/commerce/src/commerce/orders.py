"""Orders in the database: all of an order's lines, or no order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from commerce import products

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping
    from datetime import datetime


class OutOfStockError(Exception):
    """There is less of a product than was ordered, or no such product."""

    def __init__(self, product_id: int) -> None:
        super().__init__(f"too few of product {product_id}")
        self.product_id = product_id


@dataclass(frozen=True, slots=True)
class Order:
    """A placed order; the total is in hundredths of the currency."""

    id: int
    placed_at: str
    currency: str
    total: int


def place(
    connection: sqlite3.Connection,
    quantities: Mapping[int, int],
    *,
    currency: str,
    now: datetime,
) -> Order:
    """Take the quantities, by product, from the stock and record the order.

    Must run inside a transaction, since an error leaves earlier lines taken.

    Raises:
        OutOfStockError: with the first product that is missing.
    """
    lines = [
        (product_id, quantity, _take(connection, product_id, quantity))
        for product_id, quantity in quantities.items()
    ]
    total = sum(quantity * price for _, quantity, price in lines)
    row = connection.execute(
        "INSERT INTO commerce_orders (placed_at, currency, total) VALUES (?, ?, ?)"
        " RETURNING id, placed_at, currency, total",
        (now.isoformat(timespec="seconds"), currency, total),
    ).fetchone()
    order = Order(*row)
    connection.executemany(
        "INSERT INTO commerce_order_lines (order_id, product_id, quantity, price)"
        " VALUES (?, ?, ?, ?)",
        [(order.id, *line) for line in lines],
    )
    return order


def list_recent(connection: sqlite3.Connection, limit: int) -> list[Order]:
    """Return the latest orders, newest first."""
    rows = connection.execute(
        "SELECT id, placed_at, currency, total FROM commerce_orders ORDER BY id DESC LIMIT ?",
        (limit,),
    )
    return [Order(*row) for row in rows]


def _take(connection: sqlite3.Connection, product_id: int, quantity: int) -> int:
    price = products.take(connection, product_id, quantity)
    if price is None:
        raise OutOfStockError(product_id)
    return price
