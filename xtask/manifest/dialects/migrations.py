"""Numbered migrations in SQL, as several dialects have them, and the tables that they create."""

from __future__ import annotations

import re
from bisect import bisect_right
from itertools import pairwise
from typing import TYPE_CHECKING

from xtask.diagnostics import Place, Source, listed
from xtask.manifest.code import locate, sql_tables
from xtask.manifest.module import DatabaseTable, Migration
from xtask.manifest.notation.text import read_text
from xtask.manifest.table import shortened

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from xtask.diagnostics import Problems
    from xtask.manifest.folder import Folder

# Where a statement names a table; which of them create one is for `sql_tables` to say.
_TABLE = re.compile(
    r"""\bTABLE\s++(?:IF\s++NOT\s++EXISTS\s++)?(?:[^\s.(;]++\.)?["`\[]?([^\s"`\[\](;.]++)""",
    re.IGNORECASE,
)
# What belongs in the folder besides; names that begin with a dot are hidden.
_BESIDES = ("readme", "__init__.py", ".")
_MOST_SHOWN = 5
_MIGRATION = re.compile(r"([0-9]+)_[A-Za-z0-9_-]+", re.ASCII)


def numbered_migrations(folder: Folder, problems: Problems) -> tuple[Migration, ...]:
    """Return the pairs `migrations/NNN_x.sql` and `NNN_x.down.sql`, by their numbers.

    What is wrong with them is noted: a half without the other (XT0211), a name without a number
    and a number that two have (XT0221); a gap, and files that would never run, are warnings
    (XT0221).
    """
    stems = {path.removesuffix(".sql") for path in folder.matching("migrations/*.sql")}
    down = {stem.removesuffix(".down") for stem in stems if stem.endswith(".down")}
    up = {stem for stem in stems if not stem.endswith(".down")}
    for stem in sorted(up ^ down):
        _require_half(folder, stem, "sql" if stem in down else "down.sql", problems)
    numbers = [found for stem in sorted(up) if (found := _number(folder, stem, problems))]
    _require_sequence(folder, sorted(numbers), problems)
    _warn_of_others(folder, problems)
    return tuple(
        Migration(f"{stem}.sql", f"{stem}.down.sql") for _, stem in sorted(numbers) if stem in down
    )


def other_files(folder: Folder) -> tuple[str, ...]:
    """Return the files in `migrations/` that look like steps and would never run, sorted."""
    return tuple(
        path
        for path in folder.matching("migrations/*")
        if not path.endswith(".sql")
        and not path.removeprefix("migrations/").lower().startswith(_BESIDES)
    )


def _warn_of_others(folder: Folder, problems: Problems) -> None:
    first, *rest = other_files(folder) or ("",)
    if not first:
        return
    shown = listed(shortened(path) for path in rest[:_MOST_SHOWN]) if rest else ""
    more = f" and {len(rest) - _MOST_SHOWN} more" if len(rest) > _MOST_SHOWN else ""
    problems.add(
        "XT0221",
        f"`{shortened(first)}` is not a migration, so it will never run",
        folder.place(first),
        notes=[f"neither will {shown}{more}"] if rest else [],
        help="only `001_initial.sql` and `001_initial.down.sql` are: rename it, or move it away",
        severity="warning",
    )


def _require_half(folder: Folder, stem: str, ending: str, problems: Problems) -> None:
    other = "down.sql" if ending == "sql" else "sql"
    problems.add(
        "XT0211",
        f"migration `{stem}.{other}` has no `{stem}.{ending}`",
        folder.place(f"{stem}.{other}"),
        help="a release can only be rolled back when every step has a way down"
        if ending == "down.sql"
        else "a way down without a way up is never run: write it, or remove the file",
    )


def _number(folder: Folder, stem: str, problems: Problems) -> tuple[int, str] | None:
    found = _MIGRATION.fullmatch(stem.removeprefix("migrations/"))
    if found:
        return int(found[1]), stem
    problems.add(
        "XT0221",
        f"migration `{shortened(stem)}.sql` has no number",
        folder.place(f"{stem}.sql"),
        help="a number, `_` and plain words, such as `001_initial.sql`",
    )
    return None


def _require_sequence(folder: Folder, numbers: list[tuple[int, str]], problems: Problems) -> None:
    for (before, first), (number, stem) in pairwise(numbers):
        place = folder.place(f"{stem}.sql")
        if number == before:
            problems.add(
                "XT0221",
                f"two migrations have the number {number}",
                place,
                others=[(folder.place(f"{first}.sql"), "the other one")],
                help="which one runs first would depend on their names: give one the next number",
            )
        elif number > before + 1:
            problems.warn(
                "XT0221",
                f"no migration has a number between {before} and {number}",
                place,
                help="is a file missing? If not, there is nothing to do",
            )


def migration_tables(
    folder: Folder, migrations: Collection[Migration], problems: Problems
) -> tuple[DatabaseTable, ...]:
    """Return the tables that migrations create, each once and where it is created, by name."""
    found: dict[str, DatabaseTable] = {}
    for migration in migrations:
        shown = f"{folder.shown}/{migration.up}"
        text = read_text(folder.root / migration.up, shown, problems)
        for table in _created(text or "", shown):
            found.setdefault(table.name, table)
    return tuple(found[name] for name in sorted(found))


def _created(text: str, shown: str) -> Iterator[DatabaseTable]:
    """Yield the tables that a migration creates, at the names where it does."""
    source = Source(shown, text, locate)
    starts = [0, *(found.end() for found in re.finditer("\n", text))]
    offsets = {found[1]: found.start(1) for found in reversed([*_TABLE.finditer(text)])}
    for name in sql_tables(text):
        offset = offsets.get(name, 0)
        line = bisect_right(starts, offset)
        yield DatabaseTable(name, Place(source, (line, offset - starts[line - 1] + 1, len(name))))
