"""What articles need done while nobody asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from content import articles

if TYPE_CHECKING:
    from server.sdk import Context


def publish_due(context: Context) -> None:
    """Publish the articles whose moment has come."""
    articles.publish_due(context.connection, context.now)
