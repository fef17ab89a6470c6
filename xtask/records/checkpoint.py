"""Where the log was at a moment, signed and kept outside of the database.

A chain of hashes shows every change inside of it, and not that its end was cut off. A checkpoint
names a place in the chain and the checkpoint before it, so that neither can go without a trace
while one later file is left.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from xtask.digest import canonical_json
from xtask.errors import UntrustedError
from xtask.image.evidence import envelope
from xtask.image.evidence.strict import read_object, require_keys
from xtask.image.evidence.trust import BUILD

if TYPE_CHECKING:
    from collections.abc import Iterable

    from securesystemslib.signer import CryptoSigner

    from xtask.image.evidence.trust import Trust

CHECKPOINT_TYPE = "application/vnd.xtask.checkpoint.v1+json"

_SCHEMA = 1
_FIELDS = ("schema", "seq", "hash", "at", "previous")


class Checkpoint(NamedTuple):
    """The hash of one event by its number, and the digest of the checkpoint file before, if any."""

    seq: int
    hash: str
    at: str
    previous: str | None


class Signed(NamedTuple):
    """A checkpoint and the ids of the trusted keys that have signed it."""

    checkpoint: Checkpoint
    signers: tuple[str, ...]


def file_name(seq: int) -> str:
    """Return the name of a checkpoint's file; names sort by number."""
    return f"{seq:012}.json"


def write(checkpoint: Checkpoint, signers: Iterable[CryptoSigner]) -> bytes:
    """Return the file of a checkpoint, signed by whoever can."""
    payload = canonical_json({"schema": _SCHEMA, **checkpoint._asdict()})
    return envelope.sign(payload, CHECKPOINT_TYPE, signers).document()


def read(data: bytes, trust: Trust | None) -> Signed:
    """Return the checkpoint of a file.

    A key whose time is over by now could sign when the checkpoint was made, and counts if its time
    was not over then.

    Args:
        data: the file.
        trust: whom we believe; without it nobody is known.

    Raises:
        UntrustedError: it is none, was edited, or has a signature that is wrong or of nobody whom
            we believe.
    """
    found = envelope.parse(data)
    if found.payload_type != CHECKPOINT_TYPE:
        raise UntrustedError("it is not a checkpoint")
    value = require_keys(read_object(found.payload, "the checkpoint"), _FIELDS, "the checkpoint")
    checkpoint = Checkpoint(*(value[name] for name in _FIELDS[1:]))
    texts = (checkpoint.hash, checkpoint.at, checkpoint.previous or "")
    if (
        value["schema"] != _SCHEMA
        or type(checkpoint.seq) is not int
        or not all(isinstance(text, str) for text in texts)
    ):
        raise UntrustedError("the checkpoint has fields that this version of xtask does not know")
    if trust is None:
        return Signed(checkpoint, ())
    keys = trust.of_role(BUILD)
    good = envelope.good_signatures(found, {key.id: key.public for key in keys.values()})
    over = [key for key in good if keys[key].not_after < checkpoint.at]
    if over:
        raise UntrustedError(f"key {min(over)[:16]} had expired when it signed the checkpoint")
    return Signed(checkpoint, tuple(sorted(good)))
