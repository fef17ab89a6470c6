"""Whoever changes the log or a row of the records behind xtask's back is seen."""

from __future__ import annotations

import contextlib
import random
import shutil
import sqlite3
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.records.conftest import Clock, Ids, Shop, asked
from xtask.errors import UntrustedError
from xtask.image.evidence import envelope
from xtask.pipeline.auditing import Audited, audit, keep_checkpoint
from xtask.pipeline.progress import Progress
from xtask.pipeline.trusting import init, trusted
from xtask.records.chain import walk
from xtask.records.checkpoint import read
from xtask.records.store import open_records
from xtask.records.tables import metadata
from xtask.settings import Settings, Workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from xtask.records.values import Event

NOW = datetime(2026, 11, 30, tzinfo=UTC)


class Place(NamedTuple):
    """A workspace whose records tell of five promotions, a rollback, an approval and a hold."""

    settings: Settings

    @property
    def file(self) -> Path:
        return self.settings.workspace.records

    def audited(self, *against: Path) -> Audited:
        return audit(self.settings, Progress(), against)

    def checkpoint(self) -> Path | None:
        with open_records(self.settings.database_url) as records:
            return keep_checkpoint(self.settings, records, NOW)

    def tamper(self, *statements: str) -> None:
        """Write past every trigger, as somebody who owns the file can."""
        with contextlib.closing(sqlite3.connect(self.file)) as connection, connection:
            triggers = connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
            for (name,) in triggers.fetchall():
                connection.execute(f"DROP TRIGGER {name}")
            for statement in statements:
                assert connection.execute(statement).rowcount or "PRAGMA" in statement, statement

    def happens(self, name: str) -> None:
        ids = Ids(1000 * len(name) + ord(name[0]))
        with open_records(self.settings.database_url, now=Clock(), new_id=ids) as records:
            Shop(records).promoted(Shop(records).built(name))


def told(settings: Settings) -> None:
    with open_records(settings.database_url, now=Clock(), new_id=Ids()) as records:
        shop = Shop(records)
        records.ensure_environment("prod", 1)
        for name in "abcde":
            build = shop.built(name)
            shop.promoted(build)
        shop.rolled_back()
        for hold in records.holds():
            records.lift(hold.id, actor="bob", reason="seen")
        waiting = records.request_release(asked(build, approvals=2))
        records.approve_release(waiting.id, actor="bob", reason="looks good")
        records.fail_build(shop.running("f"), "disk full")


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    root = tmp_path_factory.mktemp("audited")
    workspace = Workspace(root)
    workspace.releases.mkdir()
    settings = Settings(workspace, f"sqlite:///{workspace.records}", "ann", workspace.keys)
    told(settings)
    return settings


@pytest.fixture
def place(original: Settings, tmp_path: Path) -> Place:
    root = tmp_path / "copy"
    shutil.copytree(original.workspace.root, root)
    workspace = Workspace(root)
    return Place(Settings(workspace, f"sqlite:///{workspace.records}", "ann", workspace.keys))


@pytest.fixture(scope="module")
def events(original: Settings) -> list[Event]:
    with open_records(original.database_url) as records:
        return list(records.events())


def test_an_untouched_log_is_whole(place: Place) -> None:
    place.checkpoint()
    found = place.audited()
    assert found.findings == ()
    assert found.events > 40
    assert (found.checkpoints, found.signed) == (1, 0)


def mutations(events: list[Event], seed: int) -> Iterator[list[Event]]:
    """Yield the log with one field edited, one event out, two swapped, one in twice."""
    chance = random.Random(seed)  # noqa: S311 - repeatable
    fields = ("subject", "subject_id", "to_status", "actor", "detail", "at", "facts", "prev_hash",
              "hash", "from_status")  # fmt: skip
    while True:
        at = chance.randrange(len(events))
        field = chance.choice(fields)
        yield [*events[:at], events[at]._replace(**{field: "x"}), *events[at + 1 :]]
        at = chance.randrange(len(events) - 1)
        yield events[:at] + events[at + 1 :]
        other = chance.randrange(at + 1, len(events))
        swapped = list(events)
        swapped[at], swapped[other] = swapped[other], swapped[at]
        yield swapped
        yield [*events[: at + 1], *events[at:]]
        renumbered = [*events[:at], *events[at + 1 :]]
        yield [event._replace(seq=seq) for seq, event in enumerate(renumbered, 1)]


def test_every_single_mutation_of_the_log_is_found(events: list[Event]) -> None:
    source = mutations(events, seed=1)
    for _ in range(2_000):
        mutated = next(source)
        assert any(wrong for _, _, wrong in walk(mutated)), mutated


EDITS: dict[str, tuple[str, ...]] = {
    "an event's actor": ("UPDATE events SET actor = 'eve' WHERE seq = 3",),
    "an event's time": ("UPDATE events SET at = '2020' WHERE seq = 3",),
    "an event's facts": ("UPDATE events SET facts = '{}' WHERE seq = 3",),
    "an event without seal": (
        "UPDATE events SET seq = NULL, facts = NULL, prev_hash = NULL, hash = NULL WHERE seq = 30",
    ),
    "an event gone": ("DELETE FROM outbox", "DELETE FROM events WHERE seq = 12"),
    "an event gone, the rest renumbered": (
        "DELETE FROM outbox",
        "DELETE FROM events WHERE seq = 1",
        "UPDATE events SET seq = -seq",
        "UPDATE events SET seq = -seq - 1",
    ),
    "an event invented": (
        (
            "INSERT INTO events (subject, subject_id, to_status, actor, at)"
            " VALUES ('release', 'rel_x', 'active', 'eve', '2026')"
        ),
    ),
    "a release's image": ("UPDATE releases SET image_digest = manifest_hash WHERE generation = 2",),
    "who asked for a release": ("UPDATE releases SET actor = 'eve' WHERE generation = 2",),
    "a release's status": (
        "UPDATE releases SET status = 'superseded' WHERE status = 'rolled_back'",
    ),
    "a release's generation": ("UPDATE releases SET generation = 99 WHERE generation = 2",),
    "a build's image": ("UPDATE builds SET image_ref = 'evil' WHERE status = 'succeeded'",),
    "a build's requester": ("UPDATE builds SET requested_by = 'eve'",),
    "a failed build made good": (
        "UPDATE builds SET status = 'cancelled', cancelled_by = 'eve' WHERE status = 'failed'",
    ),
    "an approval invented": (
        "INSERT INTO approvals SELECT release_id, 'eve', plan_digest, '', at FROM approvals",
    ),
    "an approval gone": ("DELETE FROM approvals",),
    "an approval of somebody else": ("UPDATE approvals SET actor = 'eve'",),
    "a hold lifted": (
        (
            "UPDATE holds SET lifted_by = NULL, lifted_reason = NULL, lifted_at = NULL"
            " WHERE lifted_at IS NOT NULL"
        ),
    ),
    "a hold's reason": ("UPDATE holds SET reason = 'because'",),
    "a hold gone": ("DELETE FROM holds",),
    "a failed build gone": ("DELETE FROM builds WHERE status = 'failed'",),
}


@pytest.mark.parametrize("edit", EDITS)
def test_every_change_of_a_row_is_found(place: Place, edit: str) -> None:
    place.tamper(*EDITS[edit])
    assert place.audited().findings


# What says nothing about what was built or released: who works on it now, and how far it is.
UNSAID = {
    "builds": {
        "stage", "progress", "priority", "attempt", "lease_owner", "lease_token", "lease_until",
        "cancelled_by",
    },
    "releases": {
        "idempotency_key", "request_digest", "recovery_attempts", "lease_owner", "lease_token",
        "lease_until",
    },
    "approvals": {"plan_digest"},
    "holds": set(),
}  # fmt: skip
COLUMNS = [
    (table, column.name)
    for table, unsaid in UNSAID.items()
    for column in metadata.tables[table].columns
    if column.name not in unsaid
]


@pytest.mark.parametrize(("table", "column"), COLUMNS)
def test_every_column_that_says_something_is_held_against_the_log(
    place: Place, table: str, column: str
) -> None:
    other = "json_array(1)" if column.startswith("modules") else f"coalesce({column}, '') || '7'"
    place.tamper(
        "PRAGMA ignore_check_constraints = ON",
        f"UPDATE {table} SET {column} = {other}"  # noqa: S608 - our own names
        f" WHERE rowid = (SELECT max(rowid) FROM {table} WHERE {_ENDED[table]})",
    )
    assert place.audited().findings


_ENDED = {
    "builds": "status = 'succeeded'",
    "releases": "status = 'superseded'",
    "approvals": "1 = 1",
    "holds": "lifted_at IS NOT NULL",
}


def cut(place: Place, left: int) -> None:
    """Make the records what they were after a number of events, as a restored copy would."""
    place.tamper(
        "DELETE FROM outbox",
        f"DELETE FROM events WHERE seq > {left}",  # noqa: S608 - a number
    )


def test_a_log_without_its_end_is_found_by_the_checkpoint(place: Place) -> None:
    path = place.checkpoint()
    assert path
    last = int(path.stem)
    cut(place, last - 5)
    findings = {finding.where: finding.says for finding in place.audited().findings}
    assert "its end was cut off" in findings[f"checkpoint {last}"]


def test_an_older_copy_of_the_whole_database_is_found_by_the_checkpoint(place: Place) -> None:
    copy = place.file.read_bytes()
    place.happens("later")
    place.checkpoint()
    place.file.write_bytes(copy)
    assert any("cut off" in finding.says for finding in place.audited().findings)


def test_a_log_written_anew_behind_a_checkpoint_is_found(place: Place) -> None:
    place.checkpoint()
    place.tamper("UPDATE events SET hash = 'sha256:0' WHERE seq = (SELECT max(seq) FROM events)")
    assert any("does not have the content" in one.says for one in place.audited().findings)


def test_a_checkpoint_kept_elsewhere_counts_when_those_here_are_gone(
    place: Place, tmp_path: Path
) -> None:
    path = place.checkpoint()
    assert path
    elsewhere = tmp_path / "elsewhere.json"
    shutil.copy(path, elsewhere)
    cut(place, int(path.stem) - 1)
    path.unlink()
    with_it = {finding.where for finding in place.audited(elsewhere).findings}
    assert f"checkpoint {int(path.stem)}" in with_it


def signed(place: Place) -> list[Path]:
    """Three checkpoints of a place with keys."""
    init(place.settings, NOW)
    paths = []
    for name in ("one", "two", "three"):
        place.happens(name)
        path = place.checkpoint()
        assert path
        paths.append(path)
    return paths


def test_checkpoints_are_signed_where_there_are_keys(place: Place) -> None:
    signed(place)
    found = place.audited()
    assert found.findings == ()
    assert (found.checkpoints, found.signed) == (3, 3)


def test_nothing_new_needs_no_checkpoint(place: Place) -> None:
    assert place.checkpoint()
    assert place.checkpoint() is None


@pytest.mark.parametrize(
    "attack",
    [
        lambda paths: paths[1].unlink(),
        lambda paths: paths[0].unlink(),
        lambda paths: paths[1].write_bytes(paths[0].read_bytes()),
        lambda paths: paths[1].write_bytes(paths[1].read_bytes().replace(b"keyid", b"kayid")),
        lambda paths: paths[2].write_bytes(b"{}"),
        lambda paths: paths[2].write_bytes(without_signature(paths[2].read_bytes())),
    ],
    ids=["middle gone", "first gone", "swapped", "misspelled", "emptied", "unsigned"],
)
def test_a_checkpoint_that_was_changed_or_taken_away_is_found(
    place: Place, attack: Callable[[list[Path]], object]
) -> None:
    attack(signed(place))
    assert place.audited().findings


def without_signature(data: bytes) -> bytes:
    return envelope.parse(data)._replace(signatures=()).document()


def test_every_byte_of_a_checkpoint_counts(place: Place) -> None:
    data = signed(place)[-1].read_bytes()
    known = trusted(place.settings.workspace)
    assert known
    for at in range(len(data)):
        with pytest.raises(UntrustedError):
            read(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :], known.trust)
