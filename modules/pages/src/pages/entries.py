"""Pages in the database."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class Entry:
    """One page; the slug is its address below `/pages/`."""

    slug: str
    title: str
    body: str
    updated_at: str


def list_entries(connection: sqlite3.Connection) -> list[Entry]:
    """Return every page, by title."""
    rows = connection.execute(
        "SELECT slug, title, body, updated_at FROM pages_entries ORDER BY title, slug"
    )
    return [Entry(*row) for row in rows]


def find(connection: sqlite3.Connection, slug: str) -> Entry | None:
    """Return the page with this slug."""
    row = connection.execute(
        "SELECT slug, title, body, updated_at FROM pages_entries WHERE slug = ?",
        (slug,),
    ).fetchone()
    return Entry(*row) if row else None


def save(
    connection: sqlite3.Connection, slug: str, *, title: str, body: str, now: datetime
) -> Entry:
    """Store a page, in place of the one that had the slug."""
    row = connection.execute(
        "INSERT INTO pages_entries (slug, title, body, updated_at) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (slug) DO UPDATE SET title = excluded.title, body = excluded.body,"
        " updated_at = excluded.updated_at RETURNING slug, title, body, updated_at",
        (slug, title, body, now.isoformat(timespec="seconds")),
    ).fetchone()
    return Entry(*row)


def delete(connection: sqlite3.Connection, slug: str) -> bool:
    """Remove a page, and say whether there was one."""
    return connection.execute("DELETE FROM pages_entries WHERE slug = ?", (slug,)).rowcount == 1
