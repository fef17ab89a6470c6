"""Records on both databases, with a clock and ids that repeat from run to run."""

from __future__ import annotations

import os
import shutil
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

import pytest

from tests.support.postgresql import Schemas
from xtask.digest import sha256
from xtask.records.store import migrate_records, open_records
from xtask.records.values import BuildModule, BuildRequest, Claim, ReleaseRequest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from xtask.records.store import Records
    from xtask.records.values import Build, Release

_START = datetime(2026, 11, 21, 10, 30, tzinfo=UTC)


class Clock:
    """Advances by 10 ms at each look, so that whole tests happen within one second."""

    def __init__(self) -> None:
        self.moment = _START

    def __call__(self) -> datetime:
        self.moment += timedelta(milliseconds=10)
        return self.moment


class Ids:
    """UUIDs that differ from their first digit on."""

    def __init__(self, count: int = 0) -> None:
        self.count = count

    def __call__(self) -> UUID:
        self.count += 1
        return UUID(bytes=bytes.fromhex(sha256(str(self.count).encode())[7:39]))


class Shop(NamedTuple):
    """Shorthand for the stories that most tests begin with."""

    records: Records

    def running(self, name: str, *, alone: bool = False) -> Build:
        return self.records.begin_build(wanted(name), CLAIM, alone=alone)

    def queued(self, name: str, priority: int = 0) -> Build:
        request = wanted(name)._replace(priority=priority)
        return self.records.request_build(request)[0]

    def built(self, name: str) -> Build:
        return self.finish(self.running(name), name)

    def finish(self, build: Build, name: str) -> Build:
        return self.records.finish_build(
            build,
            image_digest=sha256(f"image {name}".encode()),
            config_digest=sha256(f"config {name}".encode()),
            image_ref=f"shop:{name}",
            bundle=f"releases/bundles/{name}",
            modules=modules_of(name, layer=sha256(f"layer {name}".encode())),
        )

    def begun(self, build: Build, environment: str = "prod", **facts: Any) -> Release:
        return self.records.begin_release(asked(build, environment, **facts), CLAIM)

    def promoted(self, build: Build, environment: str = "prod", **facts: Any) -> Release:
        release = self.records.verify_release(self.begun(build, environment, **facts))
        return self.records.activate_release(release)

    def rolled_back(self, environment: str = "prod") -> Release:
        plan = self.records.rollback_plan(environment)
        facts = {"kind": "rollback", "restores": plan.target.id}
        return self.promoted(plan.build, environment, **facts)


CLAIM = Claim("builder", 60.0)


def wanted(name: str) -> BuildRequest:
    return BuildRequest(hash_of(name), "release", modules_of(name), actor="ci", reason="push")


def asked(build: Build, environment: str = "prod", **facts: Any) -> ReleaseRequest:
    """A promotion; one that follows a rollback lifts the hold that it left."""
    usual = {"target": "record", "port": 8080, "actor": "ann", "reason": "it is time"}
    return ReleaseRequest(environment, build.id, **{"lift_hold": True, **usual, **facts})


def hash_of(name: str) -> str:
    return sha256(f"manifest {name}".encode())


def modules_of(name: str, layer: str | None = None) -> tuple[BuildModule, ...]:
    return (
        BuildModule("content", "1.0.0", sha256(b"content"), layer),
        BuildModule("commerce", f"2.0.0+{name}", sha256(name.encode()), layer),
    )


DATABASES = {
    "sqlite": "sqlite",
    "postgresql": pytest.param("postgresql", marks=pytest.mark.requires("postgresql")),
}


def only_on(database: str, fixture: str = "url") -> pytest.MarkDecorator:
    """Return the mark of a test about one of the databases that a fixture gives."""
    return pytest.mark.parametrize(fixture, [DATABASES[database]], indirect=True)


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An embedded database without rows, made once: a copy costs a thousandth of a migration."""
    file = tmp_path_factory.mktemp("template") / "records.sqlite3"
    migrate_records(f"sqlite:///{file}")
    return file


@pytest.fixture
def file(tmp_path: Path, migrated: Path) -> Path:
    """The file of an embedded database without rows."""
    return shutil.copy(migrated, tmp_path / "records.sqlite3")


@pytest.fixture(scope="session")
def schemas() -> Iterator[Schemas]:
    """Schemas of the PostgreSQL server."""
    with closing(Schemas(os.environ["XTASK_TEST_POSTGRESQL"])) as made:
        yield made


@pytest.fixture(
    params=["sqlite", pytest.param("postgresql", marks=pytest.mark.requires("postgresql"))]
)
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a database without rows (on PostgreSQL: a schema) that has been migrated."""
    if request.param == "sqlite":
        yield f"sqlite:///{request.getfixturevalue('file')}"
        return
    schemas: Schemas = request.getfixturevalue("schemas")
    schema = schemas.take()
    yield schemas.address(schema)
    schemas.give_back(schema)


@pytest.fixture
def records(url: str) -> Iterator[Records]:
    with open_records(url, now=Clock(), new_id=Ids()) as opened:
        opened.ensure_environment("staging", 1)
        opened.ensure_environment("prod", 2)
        yield opened


@pytest.fixture
def shop(records: Records) -> Shop:
    return Shop(records)
