"""Undoing migrations, which happens only when somebody asks for it by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.migrations import MigrationError, applied, run

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Sequence

    from server.migrations import Migration
    from server.registry import Module


def undo(
    connection: sqlite3.Connection,
    modules: Sequence[Module],
    migrations: Sequence[Migration],
    names: Sequence[str],
) -> tuple[Migration, ...]:
    """Undo applied migrations in a transaction of the caller's; the last of them goes first.

    References of tables are checked at its end, so that one migration may drop its tables in any
    order, and none takes a table away that another one's refers to.

    Args:
        connection: to the database.
        modules: of the product, in dependency order.
        migrations: theirs, in the order in which they are applied.
        names: which to undo, as MODULE/NAME.

    Raises:
        MigrationError: one cannot be undone now, is wrong SQL, or something refers to its tables.
    """
    steps = to_undo(connection, modules, migrations, names)
    connection.execute("PRAGMA defer_foreign_keys = ON")
    before = {*_dangling(connection)}
    for step in steps:
        run(connection, step, _way_down(step))
        connection.execute(
            "DELETE FROM module_migrations WHERE module = ? AND name = ?", (step.module, step.name)
        )
    if left := sorted({*_dangling(connection)} - before):
        table, parent = left[0]
        raise MigrationError(f"table {table} refers to {parent}, which would be gone")
    if connection.execute("PRAGMA foreign_key_check").fetchone() is not None:
        raise MigrationError("rows would refer to others that are gone")
    return steps


def to_undo(
    connection: sqlite3.Connection,
    modules: Sequence[Module],
    migrations: Sequence[Migration],
    names: Sequence[str],
) -> tuple[Migration, ...]:
    """Return the named migrations in the order in which they can be undone.

    Raises:
        MigrationError: one is unknown, not applied, was applied with another content, or has an
            applied one after it: of its module, or of one that needs its module.
    """
    known, rows = {step.key: step for step in migrations}, applied(connection)
    for name in names:
        if name not in known:
            raise MigrationError(f"{name} is no migration of this product: it is MODULE/NAME")
        if name not in rows:
            raise MigrationError(f"{name} is not applied")
        if rows[name] != known[name].sha256:
            raise MigrationError(f"{name} was applied with another content: its way down may lie")
    position = {key: number for number, key in enumerate(known)}
    for name in names:
        affected = {known[name].module, *_dependents(modules, known[name].module)}
        for other in sorted(rows.keys() - set(names), key=lambda key: position.get(key, -1)):
            is_after = position.get(other, len(position)) > position[name]
            if is_after and other.partition("/")[0] in affected:
                raise MigrationError(
                    f"{name} cannot be undone before {other}, which comes after it"
                )
    return tuple(sorted((known[name] for name in {*names}), key=lambda s: -position[s.key]))


def _way_down(step: Migration) -> str:
    try:
        return step.down.read_text(encoding="utf-8") if step.down else ""
    except OSError as error:
        raise MigrationError(f"{step.key} has no way down: {error}") from error


def _dependents(modules: Sequence[Module], name: str) -> set[str]:
    """Return the modules that need one, whether it or one in between says so."""
    found = {name}
    for module in modules:  # in dependency order
        if found & {*module.requires}:
            found.add(module.name)
    return found - {name}


def _dangling(connection: sqlite3.Connection) -> Iterator[tuple[str, str]]:
    """Yield each table that refers to one that is not there, and that one."""
    rows = connection.execute(
        'SELECT child.name, parent."table" FROM sqlite_schema AS child,'
        " pragma_foreign_key_list(child.name) AS parent"
        " WHERE child.type = 'table' AND lower(parent.\"table\") NOT IN"
        " (SELECT lower(name) FROM sqlite_schema WHERE type = 'table')"
    )
    for row in rows.fetchall():
        yield row[0], row[1]
