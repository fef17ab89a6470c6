"""Articles in the database; other modules may read them through `find`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class Article:
    """One article; moments are ISO 8601 in UTC, and `published_at` is null before it is due."""

    id: int
    title: str
    body: str
    due_at: str
    published_at: str | None


def list_published(
    connection: sqlite3.Connection, *, before: int | None, limit: int
) -> list[Article]:
    """Return published articles, newest first, from the one after article `before` on."""
    rows = connection.execute(
        """
        SELECT id, title, body, due_at, published_at FROM content_articles
        WHERE published_at IS NOT NULL AND (
            ?1 IS NULL
            OR (published_at, id)
                < (SELECT published_at, id FROM content_articles WHERE id = ?1)
        )
        ORDER BY published_at DESC, id DESC LIMIT ?2
        """,
        (before, limit),
    )
    return [Article(*row) for row in rows]


def find(connection: sqlite3.Connection, article_id: int) -> Article | None:
    """Return a published article."""
    row = connection.execute(
        "SELECT id, title, body, due_at, published_at FROM content_articles"
        " WHERE id = ? AND published_at IS NOT NULL",
        (article_id,),
    ).fetchone()
    return Article(*row) if row else None


def create(
    connection: sqlite3.Connection, *, title: str, body: str, due_at: datetime, now: datetime
) -> Article:
    """Store an article, published at once when it is due."""
    published_at = _text(due_at) if due_at <= now else None
    row = connection.execute(
        "INSERT INTO content_articles (title, body, due_at, published_at) VALUES (?, ?, ?, ?)"
        " RETURNING id, title, body, due_at, published_at",
        (title, body, _text(due_at), published_at),
    ).fetchone()
    return Article(*row)


def publish_due(connection: sqlite3.Connection, now: datetime) -> int:
    """Publish every article whose moment has come, and return how many there were."""
    return connection.execute(
        "UPDATE content_articles SET published_at = due_at"
        " WHERE published_at IS NULL AND due_at <= ?",
        (_text(now),),
    ).rowcount


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")
