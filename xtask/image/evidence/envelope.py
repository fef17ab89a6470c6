"""Signed bytes: DSSE envelopes with Ed25519 signatures, in one spelling only.

DSSE 1.0 (github.com/secure-systems-lab/dsse), "envelope.md" and "protocol.md". Whatever is not
covered by a signature is fixed: an envelope is canonical JSON with canonical base64, so no byte of
it can change without a refusal.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING, NamedTuple

from xtask.digest import canonical_json
from xtask.errors import UntrustedError
from xtask.image.evidence.strict import read_object, require_keys

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from securesystemslib.signer import CryptoSigner

ENVELOPE_TYPE = "application/vnd.dsse.envelope.v1+json"
STATEMENT_TYPE = "application/vnd.in-toto+json"

MAX_SIZE = 8 << 20
MAX_SIGNATURES = 64
_KEY_ID = re.compile(r"[0-9a-f]{64}")
_SIGNATURE_SIZE = 64


class Signature(NamedTuple):
    """What the key with this id made of the payload and its type: 64 bytes (RFC 8032)."""

    key_id: str
    signature: bytes


class Envelope(NamedTuple):
    """A payload, what it is, and the signatures over both, by key id."""

    payload: bytes
    payload_type: str
    signatures: tuple[Signature, ...]

    def document(self) -> bytes:
        """Return the envelope as it is stored."""
        return canonical_json(
            {
                "payload": base64.b64encode(self.payload).decode(),
                "payloadType": self.payload_type,
                "signatures": signature_list(self.signatures),
            }
        )


def sign(
    payload: bytes,
    payload_type: str,
    signers: Iterable[CryptoSigner],
    others: Iterable[Signature] = (),
) -> Envelope:
    """Return the payload signed by all signers, with signatures that others have made of it."""
    from securesystemslib.dsse import Envelope as Dsse  # noqa: PLC0415 - only who signs pays for it

    unsigned = Dsse(payload, payload_type, {})
    found = dict(others)
    for signer in signers:
        made = unsigned.sign(signer)
        found[made.keyid] = bytes.fromhex(made.signature)
    signatures = tuple(Signature(key_id, found[key_id]) for key_id in sorted(found))
    return Envelope(payload, payload_type, signatures)


def parse(data: bytes) -> Envelope:
    """Return the envelope in the bytes; nothing is known of its signatures yet.

    Raises:
        UntrustedError: it is none, or not in the one spelling that an envelope has.
    """
    outer = require_keys(
        read_object(data, "the envelope", limit=MAX_SIZE),
        ("payload", "payloadType", "signatures"),
        "the envelope",
    )
    if not isinstance(outer["payloadType"], str):
        raise UntrustedError("the envelope has a field of a wrong type")
    signatures = read_signatures(outer["signatures"])
    envelope = Envelope(_decoded(outer["payload"]), outer["payloadType"], signatures)
    if envelope.document() != data:
        raise UntrustedError("the envelope is not spelled as xtask spells envelopes")
    return envelope


def read_signatures(value: object) -> tuple[Signature, ...]:
    """Return the signatures of a JSON list, which is sorted by key id.

    Raises:
        UntrustedError: it is none, or has two signatures of one key.
    """
    if not isinstance(value, list) or len(value) > MAX_SIGNATURES:
        raise UntrustedError(f"signatures are not a list of at most {MAX_SIGNATURES}")
    signatures = tuple(_signature(one) for one in value)
    ids = [signature.key_id for signature in signatures]
    if len(set(ids)) != len(ids):
        raise UntrustedError(f"key {max(ids, key=ids.count)[:16]} has signed twice")
    if ids != sorted(ids):
        raise UntrustedError("signatures are not sorted by the ids of their keys")
    return signatures


def signature_list(signatures: Iterable[Signature]) -> list[dict[str, str]]:
    """Return signatures as a JSON value."""
    return [
        {"keyid": key_id, "sig": base64.b64encode(signature).decode()}
        for key_id, signature in signatures
    ]


def good_signatures(envelope: Envelope, keys: Mapping[str, bytes]) -> frozenset[str]:
    """Return the ids of the keys whose signature is right.

    Args:
        envelope: what was signed.
        keys: raw public keys by their ids.

    Raises:
        UntrustedError: a signature is of a key that is not among them, or is wrong.
    """
    from securesystemslib.dsse import Envelope as Dsse  # noqa: PLC0415 - only who verifies pays
    from securesystemslib.exceptions import UnverifiedSignatureError  # noqa: PLC0415
    from securesystemslib.signer import Signature as Made  # noqa: PLC0415
    from securesystemslib.signer import SSlibKey  # noqa: PLC0415

    signed = Dsse(envelope.payload, envelope.payload_type, {}).pae()
    for key_id, signature in envelope.signatures:
        if key_id not in keys:
            raise UntrustedError(f"key {key_id[:16]} is not trusted for this")
        key = SSlibKey(key_id, "ed25519", "ed25519", {"public": keys[key_id].hex()})
        try:
            key.verify_signature(Made(key_id, signature.hex()), signed)
        except UnverifiedSignatureError as error:
            raise UntrustedError(f"the signature of key {key_id[:16]} is wrong") from error
    return frozenset(signature.key_id for signature in envelope.signatures)


def _signature(value: object) -> Signature:
    found = require_keys(value, ("keyid", "sig"), "a signature")
    signature = _decoded(found["sig"])
    if not isinstance(found["keyid"], str) or not _KEY_ID.fullmatch(found["keyid"]):
        raise UntrustedError("the id of a key is not 64 hexadecimal digits")
    if len(signature) != _SIGNATURE_SIZE:
        raise UntrustedError(f"a signature has {len(signature)} bytes instead of 64")
    return Signature(found["keyid"], signature)


def _decoded(text: object) -> bytes:
    try:
        return base64.b64decode(str(text), validate=True)
    except (binascii.Error, ValueError) as error:
        raise UntrustedError("the envelope has text that is not base64") from error
