"""The log as a chain of hashes: each event is sealed with the hash of the one before it.

Triggers write the events, so that nothing can change without one. What they cannot do on both
databases, hashing, is done at the end of the same transaction, whichever driver holds it. A chain
shows every change of what lies inside of it; that its end was cut off is shown by the checkpoints
that are kept elsewhere (guard against truncation, reliability of a linear log).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from xtask.digest import canonical_json, sha256

if TYPE_CHECKING:
    from xtask.records.values import Event

Execute = Callable[[str, Mapping[str, Any]], Iterable[Mapping[str, Any]]]
"""Runs one statement with named parameters in the open transaction and gives its rows."""

GENESIS: Final = sha256(b"")
"""What the first event has before it."""

FACTS: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "build": ("builds", (
        "id", "profile", "manifest_hash", "requested_by", "reason", "revision", "created_at",
    )),
    "release": ("releases", (
        "id", "environment", "kind", "build_id", "manifest_hash", "image_digest", "target", "port",
        "restores_release_id", "actor", "reason", "plan_digest", "approvals_needed",
        "migration_class", "created_at",
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
    ("build", "succeeded"): ("image_digest", "config_digest", "image_ref", "bundle"),
} | {
    ("release", status): ("generation", "previous_release_id")
    for status in (
        "deploying", "verifying", "active", "recovering", "recovery_required", "failed",
        "superseded", "rolled_back",
    )
}  # fmt: skip

_UNSEALED = "SELECT * FROM events WHERE hash IS NULL ORDER BY id"
_HEAD = "SELECT seq, hash FROM events WHERE hash IS NOT NULL ORDER BY seq DESC LIMIT 1"
_SEAL = (
    "UPDATE events SET seq = :seq, facts = :facts, prev_hash = :prev_hash, hash = :hash"
    " WHERE id = :id"
)
_TELL = "INSERT INTO outbox (event_id, created_at) VALUES (:id, :at)"
_LOCK = "SELECT pg_advisory_xact_lock(hashtext('xtask.events'))"

_HASHED = ("subject", "subject_id", "from_status", "to_status", "actor", "detail", "at", "facts")


def seal(execute: Execute, *, serialise: bool) -> None:
    """Seal the events that the open transaction wrote, and put those of releases in the outbox.

    Args:
        execute: the transaction.
        serialise: other transactions may seal at the same time (PostgreSQL): wait for them.
    """
    events = list(execute(_UNSEALED, {}))
    if not events:
        return
    if serialise:
        list(execute(_LOCK, {}))
        # Who had the lock may have sealed what a migration or a raw statement left.
        events = list(execute(_UNSEALED, {}))
    head = next(iter(execute(_HEAD, {})), None)
    seq, last = (head["seq"], head["hash"]) if head else (0, GENESIS)
    for event in events:
        seq += 1
        facts = canonical_json(read_facts(execute, event)).decode()
        link = event_hash(last, seq, {**dict(event), "facts": facts})
        row = {"id": event["id"], "seq": seq, "facts": facts, "prev_hash": last, "hash": link}
        execute(_SEAL, row)
        if event["subject"] != "build":
            execute(_TELL, {"id": event["id"], "at": event["at"]})
        last = link


def event_hash(before: str, seq: int, event: Mapping[str, Any]) -> str:
    """Return the hash that binds an event to its place and to everything before it."""
    return sha256(canonical_json([before, seq, *(event[name] for name in _HASHED)]))


def read_facts(execute: Execute, event: Mapping[str, Any]) -> dict[str, Any]:
    """Return what never changes any more about the subject of an event, as its row has it now."""
    table, _ = FACTS[event["subject"]]
    names = ", ".join(fact_columns(event["subject"], event["to_status"]))
    query = f"SELECT {names} FROM {table} WHERE id = :id"  # noqa: S608 - our own names
    return dict(next(iter(execute(query, {"id": event["subject_id"]}))))


def fact_columns(subject: str, status: str) -> tuple[str, ...]:
    """Return the columns that an event of this kind vouches for."""
    return (*FACTS[subject][1], *_LATER.get((subject, status), ()))


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
