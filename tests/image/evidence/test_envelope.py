from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.attested import seeded
from xtask.digest import canonical_json
from xtask.errors import UntrustedError
from xtask.image.evidence.envelope import good_signatures, parse, sign
from xtask.image.evidence.keys import raw_public

if TYPE_CHECKING:
    from collections.abc import Callable

ALICE, BOB = seeded(1), seeded(2)
KEYS = {one.public_key.keyid: raw_public(one) for one in (ALICE, BOB)}
SIGNED = sign(b'{"a":1}', "application/json", [ALICE, BOB]).document()


def check(data: bytes) -> frozenset[str]:
    return good_signatures(parse(data), KEYS)


def test_what_two_have_signed_is_signed_by_both() -> None:
    assert check(SIGNED) == frozenset(KEYS)
    assert parse(SIGNED).payload == b'{"a":1}'


def test_signing_is_deterministic_and_does_not_depend_on_the_order() -> None:
    assert sign(b'{"a":1}', "application/json", [BOB, ALICE]).document() == SIGNED


def test_another_library_agrees_about_the_signature() -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    envelope = parse(SIGNED)
    pae = b"DSSEv1 16 application/json 7 " + envelope.payload
    for key_id, signature in envelope.signatures:
        Ed25519PublicKey.from_public_bytes(KEYS[key_id]).verify(signature, pae)


def test_a_signature_can_be_added_to_those_of_others() -> None:
    first = sign(b'{"a":1}', "application/json", [ALICE])
    both = sign(first.payload, first.payload_type, [BOB], first.signatures)
    assert both.document() == SIGNED


@pytest.mark.parametrize("bit", [0x01, 0x20, 0x80])
def test_every_byte_that_changes_is_noticed(bit: int) -> None:
    for index in range(len(SIGNED)):
        forged = bytearray(SIGNED)
        forged[index] ^= bit
        with pytest.raises(UntrustedError):
            check(bytes(forged))


def test_every_byte_that_is_cut_or_added_is_noticed() -> None:
    for index in range(len(SIGNED)):
        for forged in (SIGNED[:index], SIGNED[:index] + b" " + SIGNED[index:]):
            with pytest.raises(UntrustedError):
                check(forged)


def _spare_bits(document: dict[str, Any]) -> None:
    document["payload"] = document["payload"].replace("fQ==", "fR==")


def _second_signature_of_alice(document: dict[str, Any]) -> None:
    document["signatures"].insert(0, document["signatures"][0])


def _no_keyid(document: dict[str, Any]) -> None:
    del document["signatures"][0]["keyid"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda document: document.update(extra=1), "unknown field 'extra'"),
        (lambda document: document["signatures"][0].update(cert="x"), "unknown field 'cert'"),
        (lambda document: document.pop("payloadType"), "no field 'payloadType'"),
        (lambda document: document.update(payloadType=1), "wrong type"),
        (lambda document: document.update(payload=1), "not base64|spelled"),
        (lambda document: document.update(signatures={}), "not a list"),
        (lambda document: document.update(signatures=[{}] * 65), "at most 64"),
        (lambda document: document["signatures"].reverse(), "not sorted"),
        (lambda document: document["signatures"][0].update(sig="AAAA"), "3 bytes instead of 64"),
        (lambda document: document["signatures"][0].update(keyid="A" * 64), "hexadecimal"),
        (_spare_bits, "not spelled"),
        (_second_signature_of_alice, "has signed twice"),
        (_no_keyid, "no field 'keyid'"),
    ],
)
def test_refuses_an_envelope_that_is_not_one(
    change: Callable[[dict[str, Any]], object], reason: str
) -> None:
    document = json.loads(SIGNED)
    change(document)
    with pytest.raises(UntrustedError, match=reason):
        check(canonical_json(document))


def test_refuses_an_envelope_with_one_key_twice_in_its_json() -> None:
    forged = SIGNED.replace(b'{"payload":', b'{"payload":"","payload":', 1)
    with pytest.raises(UntrustedError, match="a key is there twice"):
        check(forged)


def test_refuses_a_signature_of_a_stranger_beside_good_ones() -> None:
    stranger = sign(b'{"a":1}', "application/json", [ALICE, seeded(9)]).document()
    with pytest.raises(UntrustedError, match="is not trusted for this"):
        check(stranger)
