"""What has to hold of a workspace whatever has happened to it, and what a command made of it."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tests.faults.starts import DATABASE
from xtask.errors import XtaskError
from xtask.image.layout import Layout
from xtask.pipeline.auditing import audit
from xtask.pipeline.progress import Progress
from xtask.pipeline.verifying.verify import verify
from xtask.records import SCHEMA
from xtask.records.store import open_records
from xtask.settings import read_settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from xtask.records.store import Records
    from xtask.settings import Settings

_NOBODY = {"XTASK_ACTOR": "checker"}
_IN_FLIGHT = "status IN ('approved', 'deploying', 'verifying', 'recovering', 'recovery_required')"
# What is only there until its writer has ended; locks, and what uv keeps in environments, stay.
_TEMPORARY = re.compile(r"\.(?!gitignore$|.*lock$).*|tmp.{8}")


class Facts(NamedTuple):
    """What a command can change, in words that do not depend on time or chance.

    `builds` are manifest hashes of those that succeeded with their images, `serves` is the image
    that is active in `staging`, `files` is what is committed, by path.
    """

    schema: str
    builds: frozenset[tuple[str, str]]
    serves: str
    files: Mapping[str, bytes]


def facts(root: Path) -> Facts:
    """Read them from a copy of the database: opening it would mend what a crash has left."""
    with tempfile.TemporaryDirectory() as folder:
        return _facts(root, _copied(root, Path(folder)))


def _copied(root: Path, folder: Path) -> Path:
    for suffix in ("", "-wal"):
        if (file := root / f"{DATABASE}{suffix}").exists():
            shutil.copyfile(file, folder / file.name)
    return folder / Path(DATABASE).name


def _facts(root: Path, database: Path) -> Facts:
    with sqlite3.connect(database) as connection:
        schema = str(connection.execute("SELECT version_num FROM alembic_version").fetchone()[0])
        builds = connection.execute(
            "SELECT manifest_hash, image_digest FROM builds WHERE status = 'succeeded'"
        ).fetchall()
        serves = connection.execute(
            "SELECT image_digest FROM releases WHERE status = 'active' AND environment = 'staging'"
        ).fetchall()
    connection.close()
    paths = [root / "modules.lock", *sorted((root / "generated").rglob("*"))]
    files = {
        str(path.relative_to(root)): path.read_bytes()
        for path in paths
        if path.is_file() and not _TEMPORARY.fullmatch(path.name)
    }
    return Facts(schema, frozenset(builds), " and ".join(one[0] for one in serves), files)


class Checker:
    """Compares workspaces with what one was before a command and is after an undisturbed run."""

    def __init__(self, before: Facts, after: Facts, scratch: Path) -> None:
        """Keep copies of databases in a folder."""
        self.before = before
        self.after = after
        self._scratch = scratch
        self._known: set[frozenset[tuple[str, int, int, int]]] = set()

    def broken(self, root: Path) -> Iterator[str]:
        """Yield each rule that a workspace breaks, and change nothing in it."""
        shutil.rmtree(self._scratch, ignore_errors=True)
        self._scratch.mkdir(parents=True)
        copy = _copied(root, self._scratch)
        yield from _damaged(copy)
        found = _facts(root, copy)
        yield from self._neither(found)
        if found.schema != SCHEMA:
            return
        settings = read_settings(root, {**_NOBODY, "XTASK_DATABASE_URL": f"sqlite:///{copy}"})
        with open_records(settings.database_url, create=False) as records:
            yield from self._rules(records, copy)
            yield from self._images(records, settings)
        audited = audit(settings, Progress())
        yield from (f"{one.where}: {one.says}" for one in audited.findings)

    def _neither(self, found: Facts) -> Iterator[str]:
        """Each part is what it was before or what it is after, and never something else."""
        for name in ("schema", "serves"):
            value = getattr(found, name)
            if value not in {getattr(self.before, name), getattr(self.after, name)}:
                yield f"{name} is neither the old one nor the new one: {value}"
        if not self.before.builds <= found.builds <= self.before.builds | self.after.builds:
            yield "builds were lost or made up"
        for path in {*found.files, *self.before.files} | set(self.after.files):
            either = (self.before.files.get(path), self.after.files.get(path))
            if found.files.get(path) not in either:
                yield f"{path} is neither the old file nor the new one"

    def _rules(self, records: Records, database: Path) -> Iterator[str]:
        with sqlite3.connect(database) as connection:
            generations = connection.execute(
                "SELECT generation FROM releases"
                " WHERE generation IS NOT NULL AND environment = 'staging' ORDER BY generation"
            ).fetchall()
            flying = connection.execute(
                f"SELECT count(*) FROM releases WHERE {_IN_FLIGHT}"  # noqa: S608 - our own words
            ).fetchone()[0]
        connection.close()
        if [one for (one,) in generations] != list(range(1, len(generations) + 1)):
            yield f"generations have a gap: {generations}"
        if flying > 1:
            yield f"{flying} releases are in flight"
        if records.environment_names() and records.active_release("staging") is None:
            yield "nothing is active"

    def _images(self, records: Records, settings: Settings) -> Iterator[str]:
        """Hash what succeeded builds have, unless the same inodes were hashed before."""
        for build in records.builds(limit=1000):
            if build.status != "succeeded":
                continue
            try:
                known = self._inodes(settings, str(build.image_digest), str(build.bundle))
            except (XtaskError, OSError) as error:
                yield f"build {build.id}: {error}"
                continue
            if known in self._known:
                continue
            done = verify(
                settings, Progress(), what=build.id, trust_file=None, now=datetime.now(UTC)
            )
            if done.failed:
                yield f"build {build.id}: {done.failed}"
            else:
                self._known.add(known)

    def _inodes(
        self, settings: Settings, image: str, bundle: str
    ) -> frozenset[tuple[str, int, int, int]]:
        """Return what tells the files of a build from others: workspaces share most of them."""
        layout = Layout(settings.workspace.layout)
        manifest, _ = layout.read_image(image)
        blobs = [image, *(one["digest"] for one in (manifest["config"], *manifest["layers"]))]
        evidence = [str(one["digest"]) for one in layout.referrers(image)]
        folder = settings.workspace.root / bundle
        paths = [*map(layout.path, [*blobs, *evidence]), *folder.rglob("*")]
        status = [(path.name, path.stat()) for path in paths if path.is_file()]
        return frozenset((name, one.st_ino, one.st_size, one.st_mtime_ns) for name, one in status)


def _damaged(database: Path) -> Iterator[str]:
    with sqlite3.connect(database) as connection:
        for check in ("integrity_check", "foreign_key_check"):
            found = connection.execute(f"PRAGMA {check}").fetchall()
            if found not in ([], [("ok",)]):
                yield f"{check}: {found[:3]}"
    connection.close()


def temporaries(root: Path) -> list[str]:
    """Return what writers left that did not end."""
    return sorted(
        str(path.relative_to(root)) for path in root.rglob("*") if _TEMPORARY.fullmatch(path.name)
    )


def is_there(command: str, out: str, found: Facts, after: Facts) -> bool:
    """Return whether a command that exited with 0 has done what it said."""
    if command == "migrate":
        return found.schema == after.schema == json.loads(out)["schema"]
    said = json.loads(out)
    if command == "build":
        made = (said["manifest_hash"], said["image_digest"])
        return said["status"] == "succeeded" and made in found.builds & after.builds
    return said["status"] == "active" and said["image_digest"] == found.serves == after.serves
