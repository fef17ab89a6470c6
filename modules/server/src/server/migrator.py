"""The program of the image, run with the word `migrate`: brings the database to this product.

The last line on stdout is a JSON object: `status` (`applied`, `pending`, `undone` or `failed`),
`migrations` as MODULE/NAME in the order in which they run, `backup` (a file beside the database, or
null) and `error`. Exit codes: 0 done, 1 failed and nothing changed, 2 usage.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sqlite3
from contextlib import closing
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple, cast

from server.app import create_app
from server.database import connect
from server.lifecycle import bring_up
from server.migrations import MigrationError, pending
from server.undoing import to_undo, undo

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from server.context import Runtime, WorkContext
    from server.migrations import Migration
    from server.registry import Module, Registry

_PATIENCE_SECONDS = 60
_RELEASE = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)


class Wish(NamedTuple):
    """What is wanted of the database; `down` are applied migrations to undo, as MODULE/NAME."""

    dry_run: bool = False
    backup: bool = False
    down: tuple[str, ...] = ()


class Done(NamedTuple):
    """What became of the database; `backup` is the name of a file beside it."""

    status: str
    migrations: tuple[str, ...] = ()
    backup: str | None = None
    error: str | None = None


def main(words: Sequence[str]) -> int:
    """Do what the words ask for, say so on stdout, and return the exit code."""
    wish = _parse(words)
    registry = cast("Registry", import_module("generated.registry"))
    done = migrate(registry, os.environ, wish)
    print(json.dumps(done._asdict()), flush=True)  # noqa: T201 - the answer of a program
    return 1 if done.status == "failed" else 0


def migrate(registry: Registry, environ: Mapping[str, str], wish: Wish) -> Done:
    """Bring the database to a product, or say what that would do; all of it, or nothing.

    `environ` is as for `create_app`. One migrator works at a time: another one waits for a minute.
    """
    runtime: Runtime = create_app(registry, environ=environ).state.runtime
    try:
        if wish.dry_run:
            return _look(runtime, registry.MODULES, wish)
        runtime.database.parent.mkdir(parents=True, exist_ok=True)
        with runtime.work() as context:
            context.connection.execute(f"PRAGMA busy_timeout = {_PATIENCE_SECONDS * 1000}")
            with context.transaction():
                release = environ.get("XTASK_RELEASE_ID") if not wish.down else None
                backup = _backed_up(context, runtime, release) if wish.backup else None
                if wish.down:
                    steps = undo(
                        context.connection, registry.MODULES, runtime.migrations, wish.down
                    )
                    return Done("undone", _named(steps), backup)
                applied = bring_up(context, runtime.migrations, runtime.steps)
                return Done("applied", _named(applied), backup)
    except (MigrationError, sqlite3.Error, OSError) as error:
        return Done("failed", error=str(error))


def copy_database(database: Path, release: str) -> str:
    """Copy a database beside itself; return the name, which says which release it was before.

    One that is there already stays: it is of before the first attempt of that release.

    Raises:
        MigrationError: the release has a name that no file should have.
        OSError: there is no place for it.
    """
    if not _RELEASE.fullmatch(release):
        raise MigrationError(f"{release!r} is no name of a release: a backup cannot be called so")
    copy = database.with_name(f"{database.stem}.before-{release}{database.suffix}")
    unfinished = copy.with_suffix(".part")
    if not copy.exists():
        unfinished.unlink(missing_ok=True)
        with connect(database) as source, closing(sqlite3.connect(unfinished)) as target:
            source.backup(target)
        with unfinished.open("rb") as written:
            os.fsync(written.fileno())
        unfinished.replace(copy)
    return copy.name


def _parse(words: Sequence[str]) -> Wish:
    parser = argparse.ArgumentParser("migrate", description="Brings the database to this product.")
    parser.add_argument("--dry-run", action="store_true", help="say what would run, and no more")
    parser.add_argument("--backup", action="store_true", help="first copy the database beside it")
    parser.add_argument(
        "--down",
        action="append",
        default=[],
        metavar="MODULE/NAME",
        help="undo this applied migration instead; may be given several times",
    )
    asked = parser.parse_args(words)
    return Wish(asked.dry_run, asked.backup, tuple(asked.down))


def _look(runtime: Runtime, modules: Sequence[Module], wish: Wish) -> Done:
    """Return what would run; neither the database nor its folder is made for that."""
    there = runtime.database.exists()
    place = f"{runtime.database.resolve().as_uri()}?mode=ro" if there else ":memory:"
    with closing(sqlite3.connect(place, uri=True)) as connection:
        connection.row_factory = sqlite3.Row
        if wish.down:
            steps = to_undo(connection, modules, runtime.migrations, wish.down)
        else:
            steps = pending(connection, runtime.migrations)
    return Done("pending", _named(steps))


def _backed_up(context: WorkContext, runtime: Runtime, release: str | None) -> str | None:
    """Copy the database as it is while nobody else may write; nothing when it is empty.

    Without a release the copy is named after the moment, and so is another one each time.
    """
    if context.connection.execute("SELECT 1 FROM sqlite_schema").fetchone() is None:
        return None
    moment = context.now.strftime("%Y%m%dT%H%M%SZ")
    return copy_database(runtime.database, release or moment)


def _named(steps: Sequence[Migration]) -> tuple[str, ...]:
    return tuple(step.key for step in steps)
