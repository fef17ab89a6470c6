"""The stories of the log: keep a checkpoint of it, and prove that nobody has changed it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from xtask.digest import sha256
from xtask.errors import UntrustedError
from xtask.files import locked, remove_abandoned, write_atomic
from xtask.pipeline.signing import signing
from xtask.pipeline.trusting import trusted
from xtask.records import checkpoint
from xtask.records.chain import walk
from xtask.records.checkpoint import Checkpoint
from xtask.records.store import open_records
from xtask.records.values import timestamp

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from xtask.image.evidence.trust import Trust
    from xtask.pipeline.progress import Progress
    from xtask.records.checkpoint import Signed
    from xtask.records.store import Records
    from xtask.records.values import Event
    from xtask.settings import Settings, Workspace


class Finding(NamedTuple):
    """What is wrong, and where: an event by number, a row by table and id, a file by path."""

    where: str
    says: str


class Audited(NamedTuple):
    """How much was looked at, and everything that is wrong."""

    events: int
    checkpoints: int
    signed: int
    findings: tuple[Finding, ...]


def keep_checkpoint(settings: Settings, records: Records, now: datetime) -> Path | None:
    """Write where the log is now, signed by the keys that are here.

    Returns:
        the file, None when nothing has happened since the last one.

    Raises:
        UsageError: there are keys, and none of them can sign.
        UntrustedError: others may read a key, or the trust file is damaged.
    """
    folder = settings.workspace.audit
    end = records.last_event()
    clean = partial(remove_abandoned, folder)
    with locked(settings.workspace.releases / ".audit.lock", abandoned=clean):
        files = _files(folder)
        last = int(files[-1].stem) if files else 0
        if end is None or end.seq is None or end.hash is None or end.seq <= last:
            return None
        previous = sha256(files[-1].read_bytes()) if files else None
        here = Checkpoint(end.seq, end.hash, timestamp(now), previous)
        path = folder / checkpoint.file_name(end.seq)
        write_atomic(path, checkpoint.write(here, signing(settings, now).signers))
        return path


def audit(settings: Settings, progress: Progress, against: Sequence[Path] = ()) -> Audited:
    """Walk the whole log, hold it against its checkpoints and against the rows that it made.

    Args:
        settings: whose records.
        progress: who is told.
        against: checkpoints that were kept elsewhere, where nobody could take them away.
    """
    workspace = settings.workspace
    trust = signed.trust if (signed := trusted(workspace)) else None
    read, findings = _read_all(_files(workspace.audit), workspace, trust)
    kept, more = _read_all(against, workspace, trust)
    findings += [*more, *_gaps(read, trust)]
    known = {one.checkpoint.seq: one.checkpoint for one in (*read.values(), *kept.values())}
    number = 0
    with open_records(settings.database_url, create=False) as records:
        with progress.stage("chain") as stage:
            for number, event, wrong in walk(records.events()):
                if says := wrong or _differs(event, known.get(number)):
                    findings.append(Finding(f"event {number}", says))
            stage.detail = f"{number} events"
        findings += [
            Finding(f"checkpoint {seq}", f"the log ends at {number}: its end was cut off")
            for seq in sorted(known)
            if seq > number
        ]
        with progress.stage("rows"):
            findings += [
                Finding(f"{one.table} {one.id}", one.says) for one in records.contradictions()
            ]
    signed_ones = sum(1 for one in read.values() if one.signers)
    return Audited(number, len(read), signed_ones, tuple(findings))


def _differs(event: Event, here: Checkpoint | None) -> str | None:
    if here is None or here.hash == event.hash:
        return None
    return "its checkpoint has another hash: the log was written anew"


def _read_all(
    paths: Sequence[Path], workspace: Workspace, trust: Trust | None
) -> tuple[dict[str, Signed], list[Finding]]:
    """Return the checkpoints by the digest of their files, in order, and what is wrong with any."""
    found: dict[str, Signed] = {}
    findings = []
    for path in paths:
        try:
            data = path.read_bytes()
            found[sha256(data)] = checkpoint.read(data, trust)
        except (UntrustedError, OSError) as error:
            says = error.message if isinstance(error, UntrustedError) else str(error.strerror)
            inside = path.is_relative_to(workspace.root)
            name = path.relative_to(workspace.root) if inside else path
            findings.append(Finding(str(name), says))
    return found, findings


def _gaps(found: Mapping[str, Signed], trust: Trust | None) -> Iterator[Finding]:
    """Yield checkpoints whose predecessor is not the file before them, or that lost a signature."""
    before, was_signed = None, False
    for digest, (here, signers) in found.items():
        name = f"checkpoint {here.seq}"
        if here.previous != before:
            yield Finding(name, "the checkpoint before it was taken away or changed")
        if trust and was_signed and not signers:
            yield Finding(name, "nobody has signed it, and the one before it is signed")
        before, was_signed = digest, bool(signers)


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob("[0-9]*.json")) if folder.is_dir() else []
