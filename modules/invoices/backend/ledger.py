"""Invoices, in the database of the product; amounts are in hundredths of the currency."""

from __future__ import annotations

from dataclasses import astuple, dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from app.core.config import get_module_config

if TYPE_CHECKING:
    import sqlite3
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class Invoice:
    """One invoice; `number` counts from 1 and leaves none out, dates are ISO 8601 in UTC."""

    number: int
    order_id: int
    issued_on: str
    due_on: str
    currency: str
    total: int


def is_read_only() -> bool:
    """Say whether nothing may be stored."""
    return _is_on("READ_ONLY")


def is_dry_run() -> bool:
    """Say whether an invoice is only shown, and not stored."""
    return _is_on("DRY_RUN")


def _is_on(switch: str) -> bool:
    return get_module_config("invoices", switch, "true") != "false"


def count(connection: sqlite3.Connection) -> int:
    """Return how many invoices there are."""
    return int(connection.execute("SELECT count(*) FROM invoices_issued").fetchone()[0])


def list_recent(connection: sqlite3.Connection, limit: int) -> list[Invoice]:
    """Return the latest invoices, newest first."""
    rows = connection.execute(
        "SELECT number, order_id, issued_on, due_on, currency, total FROM invoices_issued"
        " ORDER BY number DESC LIMIT ?",
        (limit,),
    )
    return [Invoice(*row) for row in rows]


def is_issued(connection: sqlite3.Connection, order_id: int) -> bool:
    """Say whether an order has an invoice."""
    statement = "SELECT 1 FROM invoices_issued WHERE order_id = ?"
    return connection.execute(statement, (order_id,)).fetchone() is not None


def draw_up(connection: sqlite3.Connection, order_id: int, now: datetime) -> Invoice | None:
    """Return what would be the next invoice, for an order; None when there is no such order."""
    order = connection.execute(
        "SELECT (SELECT coalesce(max(number), 0) + 1 FROM invoices_issued) AS number,"
        " currency, total FROM commerce_orders WHERE id = ?",
        (order_id,),
    ).fetchone()
    if order is None:
        return None
    due = now + timedelta(days=int(get_module_config("invoices", "DAYS_TO_PAY", "14")))
    return Invoice(
        number=order["number"],
        order_id=order_id,
        issued_on=now.date().isoformat(),
        due_on=due.date().isoformat(),
        currency=order["currency"],
        total=order["total"],
    )


def store(connection: sqlite3.Connection, invoice: Invoice) -> None:
    """Store an invoice, in the transaction in which it was drawn up."""
    connection.execute(
        "INSERT INTO invoices_issued (number, order_id, issued_on, due_on, currency, total)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        astuple(invoice),
    )
