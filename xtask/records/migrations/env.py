"""What Alembic runs: the migrations, inside the transaction that `migrate` holds."""

from __future__ import annotations

from alembic import context

from xtask.records.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
