"""Twenty attacks on what vouches for an image; each is refused, and the check is named."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.attested import (
    NOW,
    Workshop,
    contents,
    entry,
    make_workshop,
    seeded,
    trust_of,
)
from xtask.digest import canonical_json, sha256
from xtask.image.evidence.envelope import ENVELOPE_TYPE, STATEMENT_TYPE, parse, sign
from xtask.image.evidence.provenance import SBOM_NAME
from xtask.image.evidence.sbom import sbom
from xtask.image.evidence.trust import BUILD, TRUST

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ALICE, BOB, CAROL, HOLDER, STRANGER = (seeded(number) for number in range(1, 6))
BUILD_DEFINITION = ("predicate", "buildDefinition")
BUILDER = ("predicate", "runDetails", "builder", "id")


@pytest.fixture
def shop(tmp_path: Path) -> Workshop:
    """A build that Alice has signed, where she and Bob are believed."""
    workshop = make_workshop(tmp_path)
    workshop.believe(
        trust_of(entry(ALICE, BUILD), entry(BOB, BUILD), entry(HOLDER, TRUST)), [HOLDER]
    )
    workshop.sign(workshop.statement(), ALICE)
    return workshop


def test_what_nobody_touched_is_verified(
    shop: Workshop, capsys: pytest.CaptureFixture[str]
) -> None:
    assert shop.verify(capsys) == (0, "", "")


def edited(shop: Workshop, change: Callable[[dict[str, Any]], object]) -> None:
    """Change the envelope without a key to sign it."""
    document = json.loads(sign(shop.statement(), STATEMENT_TYPE, [ALICE]).document())
    change(document)
    shop.attach(canonical_json(document))


def payload_altered(shop: Workshop) -> None:
    other = sign(shop.statement(*BUILDER, to="evil"), STATEMENT_TYPE, [STRANGER]).document()
    edited(shop, lambda document: document.update(payload=json.loads(other)["payload"]))


def payload_type_altered(shop: Workshop) -> None:
    edited(shop, lambda document: document.update(payloadType="application/json"))


def payload_type_of_something_else_signed(shop: Workshop) -> None:
    shop.sign(shop.statement(), ALICE, kind="application/json")


def signature_altered(shop: Workshop) -> None:
    edited(shop, lambda document: document["signatures"][0].update(sig="A" * 86 + "=="))


def key_id_of_somebody_else(shop: Workshop) -> None:
    edited(shop, lambda document: document["signatures"][0].update(keyid=BOB.public_key.keyid))


def subject_digest_of_another_image(shop: Workshop) -> None:
    shop.sign(shop.statement(image_digest=sha256(b"another")), ALICE)


def subject_name_of_another_image(shop: Workshop) -> None:
    shop.sign(shop.statement(reference="localhost/shop:latest"), ALICE)


def predicate_type_of_another_kind(shop: Workshop) -> None:
    shop.sign(shop.statement("predicateType", to="https://slsa.dev/provenance/v0.2"), ALICE)


def builder_that_the_key_may_not_sign_as(shop: Workshop) -> None:
    shop.sign(shop.statement(*BUILDER, to="https://ci.example/release"), ALICE)


def parameters_of_another_build(shop: Workshop) -> None:
    shop.sign(shop.statement(manifest_hash=sha256(b"another")), ALICE)


def parameter_that_nobody_knows(shop: Workshop) -> None:
    where = (*BUILD_DEFINITION, "externalParameters", "unsafe")
    shop.sign(shop.statement(*where, to=True), ALICE)


def platform_of_another_build(shop: Workshop) -> None:
    where = (*BUILD_DEFINITION, "externalParameters", "platforms")
    shop.sign(shop.statement(*where, to=["linux/arm64"]), ALICE)


def build_type_of_another_tool(shop: Workshop) -> None:
    shop.sign(shop.statement(*BUILD_DEFINITION, "buildType", to="urn:other"), ALICE)


def field_that_nobody_knows(shop: Workshop) -> None:
    shop.sign(shop.statement("predicate", "runDetails", "note", to="trust me"), ALICE)


def statement_that_is_none(shop: Workshop) -> None:
    shop.sign(b"[]", ALICE)


def build_of_another_row(shop: Workshop) -> None:
    where = ("predicate", "runDetails", "metadata", "invocationId")
    shop.sign(shop.statement(*where, to="another"), ALICE)


def signature_missing(shop: Workshop) -> None:
    edited(shop, lambda document: document.update(signatures=[]))


def envelope_taken_off(shop: Workshop) -> None:
    shop.attach(shop.statement(), STATEMENT_TYPE)


def signature_of_a_stranger_added(shop: Workshop) -> None:
    shop.sign(shop.statement(), ALICE, STRANGER)


def signature_twice(shop: Workshop) -> None:
    edited(shop, lambda document: document.update(signatures=2 * document["signatures"]))


def key_of_the_wrong_role(shop: Workshop) -> None:
    shop.sign(shop.statement(), HOLDER)


def key_that_has_expired(shop: Workshop) -> None:
    shop.believe(trust_of(entry(ALICE, BUILD, days=-1), entry(HOLDER, TRUST)), [HOLDER])


def threshold_not_met(shop: Workshop) -> None:
    three = [entry(one, BUILD) for one in (ALICE, BOB, CAROL)]
    shop.believe(trust_of(*three, entry(HOLDER, TRUST), build=2), [HOLDER])


def envelope_of_another_image(shop: Workshop) -> None:
    other = make_workshop(shop.root, "other")
    other.sign(other.statement(), ALICE)
    mine = sign(shop.statement(), STATEMENT_TYPE, [ALICE]).document()
    theirs = sign(other.statement(), STATEMENT_TYPE, [ALICE]).document()
    other.attach(mine)
    shop.attach(theirs)


def sbom_of_another_image(shop: Workshop) -> None:
    bill = sbom(contents(sha256(b"another"), shop.build.manifest_hash))
    statement = shop.statement(files=shop.files | {SBOM_NAME: sha256(bill)})
    shop.attach(sign(statement, STATEMENT_TYPE, [ALICE]).document(), bill=bill)


def sbom_that_provenance_does_not_name(shop: Workshop) -> None:
    bill = sbom(contents(shop.image.digest, shop.build.manifest_hash, modules=(), packages=()))
    shop.attach(sign(shop.statement(), STATEMENT_TYPE, [ALICE]).document(), bill=bill)


def sbom_gone(shop: Workshop) -> None:
    from xtask.image.evidence.referrers import attach
    from xtask.pipeline.building.attest import provenance_artifact

    made = sign(shop.statement(), STATEMENT_TYPE, [ALICE]).document()
    attach(shop.layout, shop.image.digest, [provenance_artifact(made, ENVELOPE_TYPE)])


def flipped(shop: Workshop, digest: str) -> None:
    path = shop.layout.path(digest)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def byte_of_a_layer(shop: Workshop) -> None:
    flipped(shop, shop.image.layers[0].digest)


def byte_of_the_config(shop: Workshop) -> None:
    flipped(shop, shop.image.config_digest)


def byte_of_the_manifest(shop: Workshop) -> None:
    flipped(shop, shop.image.digest)


def name_that_leads_to_another_image(shop: Workshop) -> None:
    other = make_workshop(shop.root, "other")
    shop.layout.add_manifest(other.image.digest, other.image.size, shop.image.reference)


def plan_of_another_build(shop: Workshop) -> None:
    (shop.root / str(shop.build.bundle) / "plan.json").write_text('{"platform":"linux/amd64"}')


def copy_in_the_bundle_altered(shop: Workshop) -> None:
    (shop.root / str(shop.build.bundle) / "sbom.cdx.json").write_text("{}")


ATTACKS = {
    "signature": (
        payload_altered, payload_type_altered, signature_altered, key_id_of_somebody_else,
        signature_missing, envelope_taken_off, signature_of_a_stranger_added, signature_twice,
        key_of_the_wrong_role, key_that_has_expired, threshold_not_met,
    ),
    "subject": (
        subject_digest_of_another_image, subject_name_of_another_image, envelope_of_another_image,
        statement_that_is_none,
    ),
    "predicate": (predicate_type_of_another_kind, payload_type_of_something_else_signed),
    "builder": (
        builder_that_the_key_may_not_sign_as, build_of_another_row, field_that_nobody_knows,
    ),
    "parameters": (
        parameters_of_another_build, parameter_that_nobody_knows, platform_of_another_build,
        build_type_of_another_tool,
    ),
    "sbom": (sbom_of_another_image, sbom_that_provenance_does_not_name),
    "image": (byte_of_a_layer, byte_of_the_config, byte_of_the_manifest),
    "index": (name_that_leads_to_another_image,),
    "bundle": (plan_of_another_build,),
    "evidence": (sbom_gone, copy_in_the_bundle_altered),
}  # fmt: skip


@pytest.mark.parametrize(
    ("check", "attack"),
    [(check, attack) for check, attacks in ATTACKS.items() for attack in attacks],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_refuses(
    shop: Workshop,
    capsys: pytest.CaptureFixture[str],
    check: str,
    attack: Callable[[Workshop], None],
) -> None:
    attack(shop)
    code, failed, says = shop.verify(capsys, shop.build.id)
    assert (code, failed) == (5, check), says


def test_refuses_a_byte_of_the_index_of_several_platforms(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shop = make_workshop(tmp_path, platforms=True)
    statement = shop.statement(
        *BUILD_DEFINITION, "externalParameters", "platforms", to=["linux/amd64", "linux/arm64"]
    )
    shop.believe(trust_of(entry(ALICE, BUILD), entry(HOLDER, TRUST)), [HOLDER])
    shop.sign(statement, ALICE)
    assert shop.verify(capsys) == (0, "", "")
    flipped(shop, shop.image.digest)
    assert shop.verify(capsys)[:2] == (5, "image")


def test_every_byte_of_the_index_of_the_layout_is_right_or_harmless(
    shop: Workshop, capsys: pytest.CaptureFixture[str]
) -> None:
    good = shop.layout.index.read_bytes()
    outcomes = set()
    for index in range(0, len(good), 3):
        forged = bytearray(good)
        forged[index] ^= 1
        shop.layout.index.write_bytes(forged)
        code, _, _ = shop.verify(capsys)
        outcomes.add(code)
    assert outcomes == {0, 5}
    found = good.index(shop.image.digest.encode())
    for index in range(found, found + 71):
        forged = bytearray(good)
        forged[index] ^= 1
        shop.layout.index.write_bytes(forged)
        assert shop.verify(capsys)[0] == 5


def test_two_of_three_are_enough_and_an_expired_key_is_not_counted(
    shop: Workshop, capsys: pytest.CaptureFixture[str]
) -> None:
    def believe(*expired: Any) -> None:
        three = [entry(k, BUILD, days=-1 if k in expired else 9) for k in (ALICE, BOB, CAROL)]
        shop.believe(trust_of(*three, entry(HOLDER, TRUST), build=2), [HOLDER])

    believe()
    shop.sign(shop.statement(), ALICE, CAROL)
    assert shop.verify(capsys) == (0, "", "")
    believe(CAROL)
    code, failed, says = shop.verify(capsys)
    assert (code, failed) == (5, "signature")
    assert says == (
        f"1 of 2 keys have signed the provenance; key {CAROL.public_key.keyid[:16]} has expired"
    )
    shop.sign(shop.statement(), ALICE, BOB, CAROL)
    assert shop.verify(capsys) == (0, "", "")


def test_two_keys_that_may_sign_as_different_builders_are_not_two_signatures_of_one(
    shop: Workshop, capsys: pytest.CaptureFixture[str]
) -> None:
    keys = [entry(ALICE, BUILD), entry(BOB, BUILD, builder="https://ci.example")]
    shop.believe(trust_of(*keys, entry(HOLDER, TRUST), build=2), [HOLDER])
    shop.sign(shop.statement(), ALICE, BOB)
    assert shop.verify(capsys)[:2] == (5, "builder")


def test_where_no_key_is_trusted_what_nobody_signed_passes_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from xtask.cli import main

    shop = make_workshop(tmp_path)
    shop.attach(shop.statement(), STATEMENT_TYPE)
    assert shop.verify(capsys) == (0, "", "")
    assert main(["verify", "--workspace", str(tmp_path)]) == 0
    assert "none            signature   there is none: whoever can write" in capsys.readouterr().out
    (tmp_path / "trust.json").write_bytes(_trust_of_alice())
    said = shop.verify(capsys, "--trust", str(tmp_path / "trust.json"))
    assert said == (5, "signature", "nobody has signed the provenance")


def test_refuses_a_signature_where_no_key_is_trusted(
    shop: Workshop, capsys: pytest.CaptureFixture[str]
) -> None:
    shop.settings.workspace.trust.unlink()
    code, failed, says = shop.verify(capsys)
    assert (code, failed) == (5, "signature")
    assert says == "the provenance is signed, and no key is trusted here"


def test_a_trust_file_from_elsewhere_decides_alone(
    shop: Workshop, capsys: pytest.CaptureFixture[str]
) -> None:
    shop.sign(shop.statement(), BOB)
    file = shop.root / "theirs.json"
    file.write_bytes(_trust_of_alice())
    assert shop.verify(capsys) == (0, "", "")
    assert shop.verify(capsys, "--trust", str(file))[:2] == (5, "signature")
    file.write_text("{}")
    assert shop.verify(capsys, "--trust", str(file))[0] == 5
    assert shop.verify(capsys, "--trust", str(shop.root / "nowhere"))[0] == 2


def _trust_of_alice() -> bytes:
    from xtask.image.evidence.trust import sign_trust

    trust = trust_of(entry(ALICE, BUILD), entry(HOLDER, TRUST))
    return sign_trust(trust, [HOLDER]).file()


def test_refuses_a_trust_file_that_somebody_edited(
    shop: Workshop, capsys: pytest.CaptureFixture[str]
) -> None:
    path = shop.settings.workspace.trust
    path.write_text(path.read_text().replace(entry(BOB, BUILD).not_after, "2999-01-01T00:00:00Z"))
    code, _, message = shop.verify(capsys)
    assert (code, "wrong" in message) == (5, True)


def test_every_byte_of_signed_provenance_counts(shop: Workshop) -> None:
    """Without the workspace: the pure part, on each byte of a whole envelope."""
    from xtask.image.evidence.verification import Evidence, Expected, verify

    trust = trust_of(entry(ALICE, BUILD), entry(HOLDER, TRUST))
    expected = Expected(
        shop.image.reference, shop.image.digest, shop.build.manifest_hash,
        ("linux/amd64",), shop.build.id, shop.files,
    )  # fmt: skip
    good = sign(shop.statement(), STATEMENT_TYPE, [ALICE]).document()
    assert parse(good).payload == shop.statement()

    def passes(data: bytes) -> bool:
        evidence = Evidence(data, ENVELOPE_TYPE, shop.bill)
        return all(check.ok for check in verify(evidence, expected, trust, NOW))

    assert passes(good)
    for index in range(len(good)):
        forged = bytearray(good)
        forged[index] ^= 1
        assert not passes(bytes(forged)), index
