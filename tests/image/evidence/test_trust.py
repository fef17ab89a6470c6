from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.attested import NOW, entry, seeded, trust_of
from xtask.errors import UntrustedError
from xtask.image.evidence.trust import (
    BUILD,
    TRUST,
    SignedTrust,
    read_trust,
    require_current,
    require_successor,
    sign_trust,
)

if TYPE_CHECKING:
    from collections.abc import Callable

BUILDER, HOLDER, NEXT = seeded(1), seeded(2), seeded(3)
FIRST = trust_of(entry(BUILDER, BUILD), entry(HOLDER, TRUST))
SIGNED = sign_trust(FIRST, [HOLDER])
# The holder's key is replaced.
SECOND = trust_of(entry(BUILDER, BUILD), entry(NEXT, TRUST), version=2)


def test_a_trust_file_is_read_as_it_was_written() -> None:
    assert read_trust(SIGNED.file()) == SIGNED


def test_every_byte_of_a_trust_file_that_changes_is_noticed() -> None:
    data = SIGNED.file()
    for index in range(len(data)):
        forged = bytearray(data)
        forged[index] ^= 1
        with pytest.raises(UntrustedError):
            read_trust(bytes(forged))


def _second_id_of_one_key(signed: dict[str, Any]) -> None:
    signed["keys"].append({**signed["keys"][0], "id": "0" * 64})


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda signed: signed.update(schema=2), "schema"),
        (lambda signed: signed.update(expires="x"), "unknown field 'expires'"),
        (lambda signed: signed.update(version=0), "numbers above 0"),
        (lambda signed: signed.update(version=True), "numbers above 0"),
        (lambda signed: signed["threshold"].update(build=0), "numbers above 0"),
        (lambda signed: signed["threshold"].update(build=2), "asks for 2 keys"),
        (lambda signed: signed["threshold"].update(other=1), "unknown field 'other'"),
        (lambda signed: signed.update(keys=[]), "asks for 1 keys"),
        (lambda signed: signed.update(keys={}), "not a list"),
        (lambda signed: signed["keys"].append(signed["keys"][0]), "one key twice"),
        (lambda signed: signed["keys"][0].update(roles=["root"]), "roles that do not exist"),
        (lambda signed: signed["keys"][0].update(roles=[]), "roles that do not exist"),
        (lambda signed: signed["keys"][0].update(roles=[[]]), "roles that do not exist"),
        (lambda signed: signed["keys"][0].update(roles="build"), "wrong types"),
        (lambda signed: signed["keys"][0].update(public="AAAA"), "does not have the id"),
        (lambda signed: signed["keys"][0].update(public="?"), "cannot be read"),
        (lambda signed: signed["keys"][0].update(not_after="soon"), "cannot be read"),
        (lambda signed: signed["keys"][0].update(not_after="2030-01-01"), "not a date and time"),
        (_second_id_of_one_key, "does not have the id"),
    ],
)
def test_refuses_a_trust_file_that_is_not_one(
    change: Callable[[dict[str, Any]], object], reason: str
) -> None:
    document = json.loads(SIGNED.file())
    change(document["signed"])
    with pytest.raises(UntrustedError, match=reason):
        read_trust(json.dumps(document).encode())


def test_refuses_a_trust_file_that_its_own_keys_have_not_signed() -> None:
    for signers in ([], [BUILDER], [seeded(9)]):
        with pytest.raises(UntrustedError, match="has 0 of the 1 signatures that its own"):
            read_trust(sign_trust(FIRST, signers).file())


def test_a_rotation_needs_the_old_key_and_the_new_one() -> None:
    require_successor(FIRST, sign_trust(SECOND, [HOLDER, NEXT]))
    with pytest.raises(UntrustedError, match="0 of the 1 signatures that the old"):
        require_successor(FIRST, sign_trust(SECOND, [NEXT]))
    with pytest.raises(UntrustedError, match="has not signed"):
        require_successor(FIRST, sign_trust(SECOND, [HOLDER]))


def test_a_new_key_of_builds_has_to_show_that_somebody_has_it() -> None:
    more = trust_of(*FIRST.keys, entry(NEXT, BUILD), version=2)
    require_successor(FIRST, sign_trust(more, [HOLDER, NEXT]))
    with pytest.raises(UntrustedError, match=r"the new key .* has not signed"):
        require_successor(FIRST, sign_trust(more, [HOLDER]))


def test_refuses_an_older_trust_file_than_the_one_that_is_trusted() -> None:
    with pytest.raises(UntrustedError, match="version 1 of the trust file is older than 2"):
        require_successor(SECOND, SIGNED)


def test_refuses_another_trust_file_of_the_same_version() -> None:
    other = trust_of(entry(BUILDER, BUILD, days=99), entry(HOLDER, TRUST))
    with pytest.raises(UntrustedError, match="two different versions 1"):
        require_successor(FIRST, sign_trust(other, [HOLDER]))
    require_successor(FIRST, sign_trust(FIRST, [HOLDER]))


def test_two_of_three_have_to_sign_the_trust_file() -> None:
    three = [seeded(4), seeded(5), seeded(6)]
    trust = trust_of(entry(BUILDER, BUILD), *(entry(one, TRUST) for one in three), trust=2)
    read_trust(sign_trust(trust, three[1:]).file())
    with pytest.raises(UntrustedError, match="has 1 of the 2 signatures"):
        read_trust(sign_trust(trust, three[:1]).file())
    again = trust_of(*trust.keys, version=2, trust=2)
    require_successor(trust, sign_trust(again, three[:2]))
    with pytest.raises(UntrustedError, match="has 1 of the 2 signatures"):
        require_successor(trust, sign_trust(again, three[2:]))


def test_one_key_that_signs_twice_is_one_signature() -> None:
    three = [seeded(4), seeded(5), seeded(6)]
    trust = trust_of(entry(BUILDER, BUILD), *(entry(one, TRUST) for one in three), trust=2)
    once = sign_trust(trust, three[:1]).signatures[0]
    with pytest.raises(UntrustedError, match="has signed twice"):
        read_trust(SignedTrust(trust, (once, once)).file())


def test_a_trust_file_is_over_with_its_own_keys() -> None:
    require_current(FIRST, NOW)
    with pytest.raises(UntrustedError, match="is over"):
        require_current(FIRST, NOW + timedelta(days=30))
