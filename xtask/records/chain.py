"""The log as a chain of hashes: each event is sealed with the hash of the one before it.

Triggers write the events, so that nothing can change without one. What they cannot do on both
databases, hashing, is done at the end of the same transaction, whichever driver holds it. A chain
shows every change of what lies inside of it; that its end was cut off is shown by the checkpoints
that are kept elsewhere (guard against truncation, reliability of a linear log).
"""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any, Final, Protocol

from xtask.digest import canonical_json, sha256, sha256_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from xtask.records.values import Event


class Row(Protocol):
    """A row by the names of its columns, as either driver gives it."""

    def keys(self) -> Iterable[str]:
        """Return the names."""

    def __getitem__(self, name: str, /) -> Any:  # noqa: ANN401 - any column
        """Return a value."""


class Transaction(Protocol):
    """An open transaction, whichever driver holds it; parameters have names."""

    def rows(self, statement: str, values: Mapping[str, Any]) -> Sequence[Row]:
        """Run one statement and return its rows."""

    def each(self, statement: str, values: Sequence[Mapping[str, Any]]) -> None:
        """Run one statement with each of these values."""


GENESIS: Final = sha256(b"")
"""What the first event has before it."""

FACTS: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "build": ("builds", (
        "id", "profile", "manifest_hash", "requested_by", "reason", "revision", "created_at",
    )),
    "release": ("releases", (
        "id", "environment", "kind", "build_id", "manifest_hash", "image_digest", "target", "port",
        "configuration", "restores_release_id", "actor", "reason", "plan_digest",
        "approvals_needed", "migration_class", "ends_hold_id", "created_at",
    )),
    "approval": ("releases", ("id", "plan_digest")),
    "hold": ("holds", (
        "id", "kind", "environment", "manifest_hash", "release_id", "actor", "reason", "created_at",
        "until",
    )),
}  # fmt: skip
"""By subject: the table whose row it is, and the columns of it that never change."""

# What a subject has from one status on, and keeps.
_LATER: Final[Mapping[tuple[str, str], tuple[str, ...]]] = {
    ("build", "succeeded"): (
        "image_digest", "config_digest", "image_ref", "bundle", "modules", "modules_delta",
    ),
} | {
    ("release", status): ("generation", "previous_release_id", "modules_delta", "passed_freeze")
    for status in (
        "deploying", "verifying", "active", "recovering", "recovery_required", "failed",
        "superseded", "rolled_back",
    )
}  # fmt: skip

# What may be long: a fact is the digest of it.
_DOCUMENTS = frozenset({"modules", "modules_delta"})

# The end of the chain, if it has one, and what is not in it yet.
_END = (
    "SELECT * FROM events WHERE seq = (SELECT max(seq) FROM events)"
    " UNION ALL SELECT * FROM events WHERE hash IS NULL ORDER BY id"
)
_SEAL = (
    "UPDATE events SET seq = :seq, facts = :facts, prev_hash = :prev_hash, hash = :hash"
    " WHERE id = :id"
)
_TELL = (
    "INSERT INTO outbox (event_id, created_at)"
    " SELECT id, at FROM events WHERE hash IS NULL AND subject <> 'build'"
    " ON CONFLICT (event_id) DO NOTHING"
)
# Nobody waits for anybody who has nothing to seal.
_LOCK = (
    "SELECT pg_advisory_xact_lock(hashtext('xtask.events'))"
    " WHERE EXISTS (SELECT 1 FROM events WHERE hash IS NULL)"
)

_HASHED = ("subject", "subject_id", "from_status", "to_status", "actor", "detail", "at", "facts")


def seal(transaction: Transaction, *, serialise: bool) -> None:
    """Seal the events that the open transaction wrote, and put those of releases in the outbox.

    Args:
        transaction: what wrote them.
        serialise: other transactions may seal at the same time (PostgreSQL): wait for them.
    """
    if serialise and not transaction.rows(_LOCK, {}):
        return
    found = transaction.rows(_END, {})
    events = [event for event in found if event["hash"] is None]
    if not events:
        return
    seq, last = next(((row["seq"], row["hash"]) for row in found if row["hash"]), (0, GENESIS))
    rows = {
        (subject, key): transaction.rows(_row_of(subject), {"id": key})[0]
        for subject, key in dict.fromkeys(map(_of, events))
    }
    sealed = list[dict[str, Any]]()
    for number, event in enumerate(events, seq + 1):
        names, row = fact_columns(event["subject"], event["to_status"]), rows[_of(event)]
        facts = canonical_json({name: fact(row, name) for name in names}).decode()
        link = event_hash(last, number, dict(event) | {"facts": facts})
        sealed.append(
            {"id": event["id"], "seq": number, "facts": facts, "prev_hash": last, "hash": link}
        )
        last = link
    transaction.rows(_TELL, {})
    transaction.each(_SEAL, sealed)


def event_hash(before: str, seq: int, event: Mapping[str, Any]) -> str:
    """Return the hash that binds an event to its place and to everything before it."""
    return sha256(canonical_json([before, seq, *(event[name] for name in _HASHED)]))


def fact_columns(subject: str, status: str) -> tuple[str, ...]:
    """Return the columns that an event of this kind vouches for."""
    return (*FACTS[subject][1], *_LATER.get((subject, status), ()))


def fact(row: Row, name: str) -> Any:  # noqa: ANN401 - a JSON value
    """Return what an event says of a column."""
    value = row[name]
    if name not in _DOCUMENTS:
        return value
    # As text from one driver, and as a value from another.
    return sha256_of(json.loads(value) if isinstance(value, str) else value)


def walk(events: Iterable[Event]) -> Iterator[tuple[int, Event, str | None]]:
    """Yield each event with its place and what is wrong with it; behind a broken one go on."""
    before = GENESIS
    for seq, event in enumerate(events, 1):
        yield seq, event, broken_link(before, seq, event)
        before = event.hash or before


def broken_link(before: str, seq: int, event: Event) -> str | None:
    """Return what is wrong with an event that should come at this place, None when nothing is."""
    if event.hash is None:
        return "it was never sealed: something other than xtask wrote it"
    if event.seq != seq:
        return f"it says to be number {event.seq}: one was taken out, put in or moved"
    if event.prev_hash != before:
        return "it does not follow the one before it"
    values = {name: getattr(event, name) for name in _HASHED}
    if event_hash(before, seq, values) != event.hash:
        return "it does not have the content of its hash"
    return None


def _of(event: Row) -> tuple[str, str]:
    return event["subject"], event["subject_id"]


@cache
def _row_of(subject: str) -> str:
    """Return the query of everything that an event of a subject may vouch for."""
    table, known = FACTS[subject]
    later = [names for (of, _), names in _LATER.items() if of == subject]
    names = ", ".join(dict.fromkeys(name for group in (known, *later) for name in group))
    return f"SELECT {names} FROM {table} WHERE id = :id"  # noqa: S608 - our own names
