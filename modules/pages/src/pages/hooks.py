"""What pages do when something happens elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pages import entries

if TYPE_CHECKING:
    from server.sdk import Context, Event

_SLUG = "order-book"


def on_order_placed(context: Context, _event: Event) -> None:
    """Keep a public page that says how many orders there have been.

    Nothing about a single order is shown, since everybody may read pages.
    """
    orders = context.connection.execute(
        "UPDATE pages_order_count SET orders = orders + 1 RETURNING orders"
    ).fetchone()["orders"]
    noun = "order" if orders == 1 else "orders"
    entries.save(
        context.connection,
        _SLUG,
        title="Order book",
        body=f"{orders} {noun} so far.",
        now=context.now,
    )
