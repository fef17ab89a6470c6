"""Builds written without SQLAlchemy: the same rows, rules and refusals as the store's."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from typing import TYPE_CHECKING

import pytest

from tests.records.conftest import CLAIM, Clock, Ids, Shop, modules_of, wanted
from xtask.digest import sha256
from xtask.errors import RefusedError, XtaskError
from xtask.records.direct import DirectBuilds, open_direct
from xtask.records.store import migrate_records, open_records

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from xtask.records.attempts import Attempts
    from xtask.records.values import Build


@pytest.fixture
def url(file: Path) -> str:
    """Only embedded databases have a driver of their own here."""
    return f"sqlite:///{file}"


@pytest.fixture
def direct(file: Path) -> Iterator[DirectBuilds]:
    found = open_direct(file, now=Clock(), new_id=Ids())
    assert found
    with found:
        yield found


def running(builds: Attempts, name: str, *, alone: bool = False) -> Build:
    return builds.begin_build(wanted(name), CLAIM, alone=alone)


def finished(builds: Attempts, build: Build, name: str) -> Build:
    return builds.finish_build(
        build,
        image_digest=sha256(f"image {name}".encode()),
        config_digest=sha256(f"config {name}".encode()),
        image_ref=f"shop:{name}",
        bundle=f"releases/bundles/{name}",
        modules=modules_of(name, layer=sha256(name.encode())),
    )


def story(builds: Attempts) -> list[object]:
    """Return what every step of a story gives, its refusals too."""
    said: list[object] = []

    def refused(step: str, *words: object) -> None:
        with pytest.raises(XtaskError) as caught:
            getattr(builds, step)(*words)
        said.append((type(caught.value), caught.value.message, caught.value.help))

    first = running(builds, "a")
    said.append(first)
    builds.advance_build(first, "layers", 50)
    refused("advance_build", first, "package", 10)
    refused("advance_build", first._replace(id="nobody"), "package", 10)
    with pytest.raises(RefusedError) as twice:
        running(builds, "a")
    said.extend([twice.value.message, running(builds, "a", alone=True)])
    said.append(builds.fail_build(running(builds, "b"), "disk full"))
    done = finished(builds, running(builds, "c"), "c")
    said.extend([done, finished(builds, done, "c")])
    with pytest.raises(RefusedError) as other:
        finished(builds, done, "d")
    said.extend([other.value.message, running(builds, "d")])
    refused("fail_build", done, "late")
    return said


def rows(file: Path) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(file)
    found = connection.execute("SELECT * FROM builds ORDER BY id").fetchall()
    connection.close()
    return found


def test_the_same_story_gives_the_same_rows_and_refusals(tmp_path: Path) -> None:
    files = {name: tmp_path / name / "records.sqlite3" for name in ("store", "direct")}
    for file in files.values():
        file.parent.mkdir()
        migrate_records(f"sqlite:///{file}")
    with open_records(f"sqlite:///{files['store']}", now=Clock(), new_id=Ids()) as store:
        expected = story(store)
    direct = open_direct(files["direct"], now=Clock(), new_id=Ids())
    assert direct
    with direct:
        found = story(direct)
    assert expected == found
    assert rows(files["store"]) == rows(files["direct"])


def test_the_store_reads_what_was_written(direct: DirectBuilds, shop: Shop) -> None:
    build = finished(direct, running(direct, "a"), "a")
    assert shop.records.build(build.id) == build


def test_a_refused_step_leaves_the_row_and_the_connection_as_they_were(
    direct: DirectBuilds, file: Path
) -> None:
    build = running(direct, "a")
    before = rows(file)
    with pytest.raises(RefusedError, match="is running as build"):
        running(direct, "a")
    assert rows(file) == before
    direct.advance_build(build, "layers", 1)


def test_a_constraint_of_the_schema_refuses_with_its_name(direct: DirectBuilds) -> None:
    build = running(direct, "a")
    with pytest.raises(RefusedError, match="the records refuse it: CHECK constraint failed"):
        direct.advance_build(build, "layers", 101)
    with pytest.raises(RefusedError, match="progress never decreases"):
        direct.advance_build(build, "layers", -1)


def test_a_lock_that_another_process_holds_is_named(file: Path) -> None:
    holder = sqlite3.connect(file, isolation_level=None)
    direct = open_direct(file, now=Clock(), new_id=Ids(), patience=0.05)
    assert direct
    holder.execute("BEGIN IMMEDIATE")
    with direct, pytest.raises(RefusedError, match="holds the records for too long"):
        running(direct, "a")
    holder.close()


def test_only_a_success_or_a_failure_waits_for_the_disk(direct: DirectBuilds) -> None:
    seen = []

    def levels() -> int:
        (level,) = direct._connection.execute("PRAGMA synchronous").fetchone()
        return int(level)

    build = running(direct, "a")
    seen.append(levels())
    direct.advance_build(build, "layers", 50)
    seen.append(levels())
    finished(direct, build, "a")
    seen.append(levels())
    direct.fail_build(running(direct, "b"), "x")
    seen.append(levels())
    assert seen == [1, 1, 2, 2]


def test_a_closed_database_is_one_file(direct: DirectBuilds, file: Path) -> None:
    running(direct, "a")
    direct.close()
    assert [path.name for path in file.parent.iterdir()] == [file.name]


@pytest.mark.parametrize("exists", [True, False])
def test_a_new_database_is_one_that_the_store_knows(tmp_path: Path, *, exists: bool) -> None:
    file = tmp_path / "new 100%.sqlite3"
    if exists:
        file.touch()
    direct = open_direct(file, now=Clock(), new_id=Ids())
    assert direct
    with direct:
        build = running(direct, "a")
    with open_records(f"sqlite:///{file}") as records:
        assert records.builds() == (build,)


def test_several_that_make_one_new_database_all_succeed(tmp_path: Path) -> None:
    def opened(_: int) -> bool:
        direct = open_direct(tmp_path / "records.sqlite3", now=Clock(), new_id=Ids())
        with direct or nullcontext():
            return direct is not None

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(opened, range(8))) == [True] * 8


def test_what_is_no_database_is_left_to_the_store(tmp_path: Path) -> None:
    file = tmp_path / "other.sqlite3"
    file.write_bytes(b"not a database" * 100)
    assert open_direct(file, now=Clock(), new_id=Ids()) is None
    assert open_direct(tmp_path / "missing" / file.name, now=Clock(), new_id=Ids()) is None
    assert sorted(tmp_path.iterdir()) == [file]


def test_another_schema_is_left_to_the_store(file: Path) -> None:
    connection = sqlite3.connect(file)
    connection.execute("UPDATE alembic_version SET version_num = '0999'")
    connection.commit()
    connection.close()
    assert open_direct(file, now=Clock(), new_id=Ids()) is None


@pytest.mark.parametrize("name", ["records.sqlite3", "new.sqlite3"])
def test_it_imports_no_sqlalchemy(file: Path, name: str) -> None:
    code = (
        "import sys, uuid, datetime as dt; from pathlib import Path;"
        "from xtask.records.direct import open_direct;"
        f"file = Path({str(file.with_name(name))!r});"
        "open_direct(file, now=dt.datetime.now, new_id=uuid.uuid4).close();"
        "print(sorted({'sqlalchemy', 'alembic'} & set(sys.modules)))"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    assert done.stdout.strip() == "[]"
