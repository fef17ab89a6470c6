"""Records as they are after years: a million builds, two hundred thousand releases."""

from __future__ import annotations

import json
import os
import statistics
import time
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.bench.report import header, table, verdict
from tests.records.conftest import asked, hash_of, modules_of
from tests.support.postgresql import Schemas
from xtask.digest import sha256
from xtask.records import tables, triggers
from xtask.records.store import migrate_records, open_records
from xtask.records.values import BuildRequest, Claim, timestamp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from sqlalchemy import Connection

    from xtask.records.store import Records

_ENVIRONMENTS = ("dev", "staging", "prod", "eu")
_START = datetime(2020, 1, 1, tzinfo=UTC)
_CHUNK = 5_000
_LIMIT_MS = 20.0
_RELEASE_EVENTS = ("pending", "approved", "deploying", "verifying", "active", "superseded")
_NOTHING = json.dumps({"added": {}, "removed": {}, "changed": {}})


class Times(NamedTuple):
    """How long one question took, each time it was asked (ms)."""

    name: str
    milliseconds: list[float]

    @property
    def row(self) -> list[str]:
        return [
            self.name,
            f"{statistics.median(self.milliseconds):.2f}",
            f"{self.high:.2f}",
            f"{max(self.milliseconds):.2f}",
        ]

    @property
    def high(self) -> float:
        """The 99th percentile."""
        return statistics.quantiles(self.milliseconds, n=100)[98]


def measure(scratch: Path, counts: Sequence[int], *, seed: int, runs: int) -> str:
    """Return the report on records of this many builds, and a fifth as many releases."""
    count = max(counts)
    title = header("The records after years", seed=seed, runs=runs)
    found = [title, "", f"{count:,} builds, {count // 5:,} releases in four environments."]
    urls = {"SQLite": f"sqlite:///{scratch / 'records.sqlite3'}"}
    with ExitStack() as stack:
        if server := os.environ.get("XTASK_TEST_POSTGRESQL"):
            schemas = stack.enter_context(closing(Schemas(server)))
            urls["PostgreSQL"] = schemas.address(schemas.new())
        for name, url in urls.items():
            migrate_records(url)
            with open_records(url) as records:
                fill(records, count, count // 5)
                times = list(ask(records, runs))
            found += [
                "",
                f"## {name}",
                "",
                table(["ms", "median", "p99", "max"], [t.row for t in times]),
            ]
            worst = max(times, key=lambda one: one.high)
            ratio = worst.high / _LIMIT_MS
            found += ["", f"- {worst.name}, p99 against {_LIMIT_MS:g} ms: {verdict(ratio, 1)}"]
    return "\n".join(found)


def ask(records: Records, runs: int) -> Iterator[Times]:
    """Ask everything that a person or a program asks often, and promote."""
    build = records.builds(limit=1)[0]
    old = records.releases("prod", limit=1)[0]
    back = records.rollback_plan("prod").build
    questions: dict[str, Callable[[], object]] = {
        "list 50 builds": lambda: records.builds(limit=50),
        "list 50 releases": lambda: records.releases(limit=50),
        "list 50 releases of one environment": lambda: records.releases("prod", limit=50),
        "find a build by the beginning of its id": lambda: records.find_build(build.id[:8]),
        "find a build by its manifest hash": lambda: records.find_build(build.manifest_hash),
        "find a build by a release": lambda: records.find_build(old.id),
        "status of all environments": records.situations,
        "plan of a rollback": lambda: records.rollback_plan("prod"),
        "what a rollback crosses": lambda: records.promoted_since("prod", back.manifest_hash),
        "did this manifest serve": lambda: records.last_of_manifest("prod", build.manifest_hash),
    }  # fmt: skip
    for name, question in questions.items():
        yield Times(name, [_timed(question) for _ in range(runs)])
    yield Times(
        "build: request, claim, finish", [_timed(lambda: _build(records)) for _ in range(runs)]
    )
    promotions = [_timed_promotion(records, number) for number in range(runs)]
    for at, step in enumerate(("begin", "switch", "activate")):
        yield Times(f"promote: {step}", [one[at] for one in promotions])
    yield Times("promote: all of it", [sum(one) for one in promotions])


def fill(records: Records, builds: int, releases: int) -> None:
    """Write rows past the triggers, as if all of it had happened."""
    for rank, name in enumerate(_ENVIRONMENTS):
        records.ensure_environment(name, rank)
    with records.engine.begin() as connection:
        triggers.drop(connection)
    for table_, rows in (
        (tables.builds, _builds(builds)),
        (tables.releases, _releases(releases)),
        (tables.events, _events(builds, releases)),
    ):
        for chunk in _chunks(rows):
            with records.engine.begin() as connection:
                _insert(connection, table_.name, chunk)
    with records.engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql(
                "SELECT setval(pg_get_serial_sequence('events', 'id'), max(id)) FROM events"
            )
        triggers.install(None, connection)
    with records.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("ANALYZE")


def _insert(connection: Connection, name: str, rows: Sequence[dict[str, Any]]) -> None:
    """Add rows by the driver's own way: there are millions."""
    columns, marks = ", ".join(rows[0]), ", ".join("?" for _ in rows[0])
    values = [tuple(row.values()) for row in rows]
    driver: Any = connection.connection
    if connection.dialect.name == "sqlite":
        statement = f"INSERT INTO {name} ({columns}) VALUES ({marks})"  # noqa: S608 - our own names
        driver.cursor().executemany(statement, values)
        return
    with driver.cursor() as cursor, cursor.copy(f"COPY {name} ({columns}) FROM STDIN") as copy:
        for row in values:
            copy.write_row(row)


def _builds(count: int) -> Iterator[dict[str, Any]]:
    for number in range(count):
        name, at = f"old {number}", timestamp(_START + timedelta(minutes=number))
        yield {
            "id": _build_id(number), "status": "succeeded", "stage": "complete", "progress": 100,
            "profile": "release", "manifest_hash": hash_of(name),
            "image_digest": sha256(name.encode()), "config_digest": sha256(b"config"),
            "image_ref": "shop", "bundle": "bundle", "modules": _MODULES, "modules_delta": _NOTHING,
            "requested_by": "ci", "reason": "push", "priority": 0, "attempt": 1, "lease_token": 1,
            "created_at": at, "started_at": at, "finished_at": at, "updated_by": "ci",
            "updated_at": at,
        }  # fmt: skip


_MODULES = json.dumps([
    {"id": f"module-{number}", "version": "1.0.0", "source_digest": sha256(b"x"),
     "layer_digest": sha256(b"y")}
    for number in range(10)
])  # fmt: skip


def _releases(count: int) -> Iterator[dict[str, Any]]:
    each = count // len(_ENVIRONMENTS)
    for environment in _ENVIRONMENTS:
        for number in range(each):
            build = number * 5
            at = timestamp(_START + timedelta(minutes=build + 2))
            serves = number == each - 1
            yield {
                "id": _release_id(environment, number), "environment": environment,
                "generation": number + 1, "kind": "promote",
                "status": "active" if serves else "superseded", "build_id": _build_id(build),
                "manifest_hash": hash_of(f"old {build}"),
                "image_digest": sha256(f"old {build}".encode()), "target": "record", "port": 8080,
                "previous_release_id": _release_id(environment, number - 1) if number else None,
                "actor": "ann", "reason": "it is time", "plan_digest": "", "approvals_needed": 0,
                "migration_class": "none", "modules_delta": _NOTHING, "recovery_attempts": 0,
                "lease_token": 1, "created_at": at, "deployed_at": at, "activated_at": at,
                "ended_at": None if serves else at, "updated_by": "ann", "updated_at": at,
            }  # fmt: skip


def _events(builds: int, releases: int) -> Iterator[dict[str, Any]]:
    each = releases // len(_ENVIRONMENTS)
    subjects = [("build", _build_id(number), ("running", "succeeded")) for number in range(builds)]
    subjects += [
        ("release", _release_id(environment, number), _RELEASE_EVENTS)
        for environment in _ENVIRONMENTS
        for number in range(each)
    ]
    at, seq = timestamp(_START), 0
    for subject, name, statuses in subjects:
        for status in statuses:
            seq += 1
            yield {
                "id": seq, "subject": subject, "subject_id": name, "to_status": status,
                "actor": "ci", "at": at, "facts": "{}", "seq": seq, "prev_hash": "-",
                "hash": sha256(b"event"),
            }  # fmt: skip


def _build_id(number: int) -> str:
    return sha256(f"build {number}".encode()).removeprefix("sha256:")[:32]


def _release_id(environment: str, number: int) -> str:
    moment = _START + timedelta(minutes=number * 5 + 2)
    return f"rel_{moment:%Y%m%d_%H%M%S}_{environment}"


def _build(records: Records) -> None:
    name = f"new {time.perf_counter_ns()}"
    request = BuildRequest(hash_of(name), "release", modules_of(name), actor="ci")
    records.request_build(request)
    claimed = records.claim_build(Claim("worker", 60))
    assert claimed
    records.finish_build(
        claimed, image_digest=sha256(name.encode()), config_digest=sha256(b"config"),
        image_ref="shop", bundle="bundle", modules=claimed.modules,
    )  # fmt: skip


def _timed_promotion(records: Records, number: int) -> tuple[float, float, float]:
    build = records.builds(limit=2)[number % 2]
    held: list[Any] = []
    begin = _timed(lambda: held.append(records.begin_release(asked(build), Claim("ann", 60))))
    switch = _timed(lambda: held.append(records.verify_release(held[-1])))
    return begin, switch, _timed(lambda: records.activate_release(held[-1]))


def _timed(question: Callable[[], object]) -> float:
    began = time.perf_counter()
    question()
    return (time.perf_counter() - began) * 1000


def _chunks(rows: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    chunk: list[dict[str, Any]] = []
    for row in rows:
        chunk.append(row)
        if len(chunk) == _CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
