"""Whom we believe: keys with roles and an end, thresholds, a version; signed by its own keys.

After the root role of The Update Framework (TUF 1.0.33, sections 4.3 and 5.3): a new version has to
be signed by those whom the old one trusts and by those whom it trusts itself, and no older version
is ever taken again.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from xtask.digest import canonical_json
from xtask.errors import UntrustedError
from xtask.image.evidence import envelope
from xtask.image.evidence.keys import key_id
from xtask.image.evidence.strict import read_object, require_keys

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from securesystemslib.signer import CryptoSigner

BUILD, TRUST = "build", "trust"
ROLES = (BUILD, TRUST)
LOCAL_BUILDER = "urn:x-xtask:builder:local"
"""`builder.id` of builds that nobody configured: whoever ran xtask on whatever machine."""

TRUST_TYPE = "application/vnd.xtask.trust.v1+json"
SCHEMA = 1
MAX_SIZE = 1 << 20
"""Bytes that a trust file may have."""

_RAW_SIZE = 32
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z", re.ASCII)
_KEY_FIELDS = ("id", "public", "roles", "not_after", "builder")


class TrustedKey(NamedTuple):
    """A raw public key, what it may sign, until when (UTC, seconds), and as which builder."""

    id: str
    public: bytes
    roles: tuple[str, ...]
    not_after: str
    builder: str

    def is_expired(self, now: datetime) -> bool:
        """Return whether its time is over."""
        return now >= datetime.fromisoformat(self.not_after)


@dataclass(frozen=True, slots=True)
class Trust:
    """One version: its keys by id, and how many of a role it takes."""

    version: int
    threshold: Mapping[str, int]
    keys: tuple[TrustedKey, ...]

    def of_role(self, role: str) -> dict[str, TrustedKey]:
        """Return the keys that have the role, expired ones too."""
        return {key.id: key for key in self.keys if role in key.roles}

    def payload(self) -> bytes:
        """Return what is signed."""
        return canonical_json(self.document())

    def document(self) -> dict[str, Any]:
        """Return the version as a JSON value."""
        return {
            "schema": SCHEMA,
            "version": self.version,
            "threshold": dict(self.threshold),
            "keys": [
                {
                    "id": key.id,
                    "public": base64.b64encode(key.public).decode(),
                    "roles": list(key.roles),
                    "not_after": key.not_after,
                    "builder": key.builder,
                }
                for key in sorted(self.keys)
            ],
        }


class SignedTrust(NamedTuple):
    """A version and the signatures on it."""

    trust: Trust
    signatures: tuple[envelope.Signature, ...]

    def file(self) -> bytes:
        """Return the trust file: plain JSON, because people review it."""
        signatures = envelope.signature_list(self.signatures)
        document = {"signed": self.trust.document(), "signatures": signatures}
        return (json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()


def moment(when: datetime) -> str:
    """Return a moment as a trust file writes it."""
    return when.astimezone(UTC).replace(tzinfo=None, microsecond=0).isoformat() + "Z"


def sign_trust(trust: Trust, signers: Iterable[CryptoSigner]) -> SignedTrust:
    """Return the version with the signatures of all signers."""
    return SignedTrust(trust, envelope.sign(trust.payload(), TRUST_TYPE, signers).signatures)


def read_trust(data: bytes) -> SignedTrust:
    """Return a trust file whose own keys have signed it.

    Raises:
        UntrustedError: it is none, was edited, or is not signed by enough of its own keys.
    """
    outer = require_keys(
        read_object(data, "the trust file", limit=MAX_SIZE),
        ("signed", "signatures"),
        "the trust file",
    )
    trust = _trust(outer["signed"])
    signed = SignedTrust(trust, envelope.read_signatures(outer["signatures"]))
    if signed.file() != data:
        raise UntrustedError(
            "the trust file is not spelled as xtask writes it", help="`xtask keys` writes it"
        )
    _require_threshold(signed, trust, "its own")
    return signed


def require_successor(old: Trust, new: SignedTrust) -> None:
    """Refuse a version that may not take the place of the old one.

    Raises:
        UntrustedError: it is older, another one with the same number, not signed by enough of the
            keys that the old one trusts, or not signed by a key that it brings.
    """
    if new.trust.payload() == old.payload():
        return
    if new.trust.version < old.version:
        raise UntrustedError(
            f"version {new.trust.version} of the trust file is older than {old.version}, "
            "which is trusted already",
            help="somebody may want a key back that was taken away: ask whoever holds the keys",
        )
    if new.trust.version == old.version:
        raise UntrustedError(f"there are two different versions {old.version} of the trust file")
    _require_threshold(new, old, "the old")
    known = {key.id for key in old.keys}
    added = {key.id: key.public for key in new.trust.keys if key.id not in known}
    if silent := sorted(added.keys() - _good(new, added)):
        raise UntrustedError(f"the new key {silent[0][:16]} has not signed the trust file")


def require_current(trust: Trust, now: datetime) -> None:
    """Refuse a version whose own keys are over: a newer one may have been kept from us.

    Raises:
        UntrustedError: too few of its keys have time left.
    """
    good = [key for key in trust.of_role(TRUST).values() if not key.is_expired(now)]
    if len(good) < trust.threshold[TRUST]:
        raise UntrustedError(
            f"version {trust.version} of the trust file is over: its keys have expired",
            help="whoever holds the keys: xtask keys rotate --role trust",
        )


def _require_threshold(signed: SignedTrust, by: Trust, whose: str) -> None:
    good = _good(signed, {key.id: key.public for key in by.of_role(TRUST).values()})
    if len(good) < by.threshold[TRUST]:
        raise UntrustedError(
            f"version {signed.trust.version} of the trust file has {len(good)} of the "
            f"{by.threshold[TRUST]} signatures that {whose} trust keys have to give"
        )


def _good(signed: SignedTrust, keys: Mapping[str, bytes]) -> frozenset[str]:
    """Return which of the keys have signed; of other signatures nothing is known."""
    theirs = tuple(one for one in signed.signatures if one.key_id in keys)
    content = envelope.Envelope(signed.trust.payload(), TRUST_TYPE, theirs)
    return envelope.good_signatures(content, keys)


def _trust(value: object) -> Trust:
    found = require_keys(value, ("schema", "version", "threshold", "keys"), "the trust file")
    threshold = require_keys(found["threshold"], ROLES, "`threshold` of the trust file")
    if found["schema"] != SCHEMA:
        raise UntrustedError("the trust file has a schema that this version of xtask does not know")
    if not all(_is_count(number) for number in (found["version"], *threshold.values())):
        raise UntrustedError("version and thresholds of the trust file are not numbers above 0")
    if not isinstance(found["keys"], list):
        raise UntrustedError("`keys` of the trust file is not a list")
    keys = tuple(_key(one) for one in found["keys"])
    if len({key.id for key in keys}) != len(keys):
        raise UntrustedError("the trust file has one key twice")
    having = Counter(role for key in keys for role in key.roles)
    for role, number in threshold.items():
        if having[role] < number:
            raise UntrustedError(f"the trust file asks for {number} keys of the role `{role}`")
    return Trust(found["version"], dict(sorted(threshold.items())), keys)


def _key(value: object) -> TrustedKey:
    found = require_keys(value, _KEY_FIELDS, "a key of the trust file")
    texts, roles = (
        (found["id"], found["public"], found["not_after"], found["builder"]),
        found["roles"],
    )
    if not all(isinstance(text, str) for text in texts) or not isinstance(roles, list):
        raise UntrustedError("a key of the trust file has fields of wrong types")
    try:
        public = base64.b64decode(found["public"], validate=True)
        datetime.fromisoformat(found["not_after"])
    except (binascii.Error, ValueError) as error:
        raise UntrustedError("a key of the trust file cannot be read") from error
    if len(public) != _RAW_SIZE or key_id(public) != found["id"]:
        raise UntrustedError("a key of the trust file does not have the id that it says")
    if not _MOMENT.fullmatch(found["not_after"]):
        raise UntrustedError(f"`not_after` of key {found['id'][:16]} is not a date and time in UTC")
    if not roles or any(role not in ROLES for role in roles) or sorted(set(roles)) != roles:
        raise UntrustedError(f"key {found['id'][:16]} has roles that do not exist")
    if (BUILD in roles) != bool(found["builder"]):
        raise UntrustedError(f"key {found['id'][:16]} does not say as which builder it signs")
    return TrustedKey(found["id"], public, tuple(roles), found["not_after"], found["builder"])


def _is_count(value: object) -> bool:
    return type(value) is int and value > 0
