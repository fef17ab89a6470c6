"""What an environment gives to a release: kept by digest, and never changed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_text = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_PORT = "port INTEGER NOT NULL, \n"
_REFERENCE = (
    "CONSTRAINT fk_releases_configuration FOREIGN KEY(configuration)"
    " REFERENCES configurations (digest)"
)


def upgrade() -> None:
    """Make the table; releases of before have none, and are given what a target gives by itself."""
    op.create_table(
        "configurations",
        sa.Column("digest", _text, primary_key=True),
        sa.Column("content", _text, nullable=False),
        sa.CheckConstraint(
            "substr(digest, 1, 7) = 'sha256:' AND length(digest) = 71", name="digest"
        ),
    )
    if op.get_bind().dialect.name == "postgresql":
        op.add_column("releases", sa.Column("configuration", _text))
        op.execute(f"ALTER TABLE releases ADD {_REFERENCE}")
    else:
        _rebuild_releases()


def _rebuild_releases() -> None:
    """Make the table anew from its own words: SQLite adds no constraint to one that is there."""
    connection = op.get_bind()
    table, *indexes = connection.exec_driver_sql(
        "SELECT sql FROM sqlite_master WHERE tbl_name = 'releases' AND type IN ('table', 'index')"
        " AND sql IS NOT NULL ORDER BY rowid"
    ).scalars()
    columns = connection.exec_driver_sql("SELECT name FROM pragma_table_info('releases')").scalars()
    names = ", ".join(columns)
    wider = table.replace(_PORT, f"{_PORT}\tconfiguration TEXT, \n").removesuffix("\n)")
    for statement in (
        "CREATE TABLE releases_0002 AS SELECT * FROM releases",
        "DROP TABLE releases",
        f"{wider}, \n\t{_REFERENCE}\n)",
        f"INSERT INTO releases ({names}) SELECT {names} FROM releases_0002",  # noqa: S608 - our own names
        "DROP TABLE releases_0002",
        *indexes,
    ):
        connection.exec_driver_sql(statement)
