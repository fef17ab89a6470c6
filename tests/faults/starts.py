"""What each command starts from: the smallest shop, as far as it has to be, to be copied.

Copies share what is never written in place, by hard links; `Start.is_untouched` proves that it is
not.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from typing import TYPE_CHECKING, Any, NamedTuple

from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine

from xtask.records import migrations

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.faults.forks import Forks

COMMANDS = ("build", "promote", "rollback", "migrate")
DATABASE = "releases/records.sqlite3"

_ONCE = ("--key", "the-one")
_SHARED = ("releases/oci/blobs/", "releases/cache/", "releases/inputs/", "releases/bundles/")


class Start(NamedTuple):
    """A command line and the workspace that it starts from."""

    command: str
    words: tuple[str, ...]
    root: Path
    signatures: Mapping[str, tuple[int, int, int]]

    def copy(self, target: Path) -> Path:
        """Return a workspace of its own, made new."""
        shutil.rmtree(target, ignore_errors=True)
        return _copy(self.root, target)

    def is_untouched(self) -> bool:
        """Whether no run has changed a file that its copy shares with this one."""
        return self.signatures == _signatures(self.root)


def prepare(forks: Forks, shop: Path, folder: Path) -> dict[str, Start]:
    """Return what each command starts from.

    `build` follows a release and an edit, `promote` a build of it, `rollback` three releases of
    different builds, so that going back twice would show; `migrate` has those in schema 0001.

    Args:
        forks: what runs commands.
        shop: one that was just written, or built once.
        folder: where they go.
    """
    root = _copy(shop, folder / "shop")
    starts = {}

    def ran(*words: str) -> Any:
        done = forks.run(words, root)
        assert done.code == 0, done.err
        return json.loads(done.out)

    def keep(name: str, *words: str) -> None:
        kept = _copy(root, folder / name)
        if name == "migrate":
            _take_back(kept / DATABASE)
        starts[name] = Start(name, words, kept, _signatures(kept))

    for number in range(3):
        (root / "modules/cart/src/cart/__init__.py").write_text(f"number = {number}\n")
        if number == 1:
            keep("build", "build", "--json")
        build = ran("build", "--json")["build_id"]
        promote = ("promote", build, "--to", "staging", "--reason", "it is time", "--json")
        if number == 1:
            keep("promote", *promote, *_ONCE)
        ran(*promote)
    keep("rollback", "rollback", "--env", "staging", "--reason", "orders fail", "--json", *_ONCE)
    keep("migrate", "migrate", "--json")
    return starts


def _copy(root: Path, target: Path) -> Path:
    def copied(source: str, _: str) -> None:
        put(root, os.path.relpath(source, root), target)

    return shutil.copytree(root, target, copy_function=copied, symlinks=True)


def put(root: Path, path: str, target: Path) -> None:
    """Let a workspace have a file of another one: its own, unless they can share it."""
    if path.startswith(_SHARED):
        os.link(root / path, target / path)
    else:
        shutil.copy2(root / path, target / path)


def _signatures(root: Path) -> dict[str, tuple[int, int, int]]:
    """Return mode, size and modification of every file; links change the rest of its inode."""
    found = {}
    for path in root.rglob("*"):
        if path.is_file():
            status = path.stat()
            found[str(path.relative_to(root))] = (
                status.st_mode, status.st_size, status.st_mtime_ns,
            )  # fmt: skip
    return found


def _take_back(database: Path) -> None:
    """Put the rows of a database of today into one of schema 0001."""
    new = database.with_name("today.sqlite3")
    database.rename(new)
    config = Config()
    config.set_main_option("script_location", str(migrations.__path__[0]))
    engine = create_engine(f"sqlite:///{database}")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
    engine.dispose()
    with sqlite3.connect(database) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("ATTACH ? AS new", (str(new),))
        for table in ("environments", "builds", "releases"):
            names = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
            columns = ", ".join(names)
            copying = f"INSERT INTO {table} SELECT {columns} FROM new.{table}"  # noqa: S608 - ours
            connection.execute(copying)
        connection.execute(
            "INSERT INTO release_transitions"
            " SELECT from_status, to_status FROM new.transitions WHERE subject = 'release'"
        )
        connection.execute(
            "INSERT INTO events (release_id, from_status, to_status, actor, detail, at)"
            " SELECT subject_id, CASE from_status WHEN 'approved' THEN NULL ELSE from_status END,"
            " to_status, actor, detail, at FROM new.events"
            " WHERE subject = 'release' AND to_status <> 'approved' ORDER BY id"
        )
    connection.close()
    new.unlink()
    # Its log is of another schema, and so are the checkpoints of it.
    shutil.rmtree(database.parent / "audit")
