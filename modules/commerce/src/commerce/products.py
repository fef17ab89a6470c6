"""Products in the database; prices are in hundredths of the currency."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3


@dataclass(frozen=True, slots=True)
class Product:
    """Something for sale; `article_id` is an article that describes it."""

    id: int
    name: str
    price: int
    stock: int
    article_id: int | None


def list_products(connection: sqlite3.Connection) -> list[Product]:
    """Return every product, by name."""
    rows = connection.execute(
        "SELECT id, name, price, stock, article_id FROM commerce_products ORDER BY name, id"
    )
    return [Product(*row) for row in rows]


def create(
    connection: sqlite3.Connection, *, name: str, price: int, stock: int, article_id: int | None
) -> Product:
    """Store a product.

    Raises:
        sqlite3.IntegrityError: there is no such article.
    """
    row = connection.execute(
        "INSERT INTO commerce_products (name, price, stock, article_id) VALUES (?, ?, ?, ?)"
        " RETURNING id, name, price, stock, article_id",
        (name, price, stock, article_id),
    ).fetchone()
    return Product(*row)


def take(connection: sqlite3.Connection, product_id: int, quantity: int) -> int | None:
    """Take items from the stock and return the price of one, or nothing if there are too few."""
    row = connection.execute(
        "UPDATE commerce_products SET stock = stock - ?1 WHERE id = ?2 AND stock >= ?1"
        " RETURNING price",
        (quantity, product_id),
    ).fetchone()
    return row["price"] if row else None
