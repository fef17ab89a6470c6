"""The records: builds and releases as rows, the rules between them, and every query.

Nothing heavy is imported here, so that `lookup` can answer before SQLAlchemy is loaded.
"""

from __future__ import annotations

SCHEMA = "0003"
"""The Alembic revision that this version reads and writes; zero-padded, so newer is greater."""
