from __future__ import annotations

import base64
import json
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.support.attested import seeded
from tests.support.registry import docker_registry
from xtask.digest import sha256
from xtask.image.assemble import ImageConfig, assemble
from xtask.image.evidence import keys
from xtask.image.evidence.cosign import (
    SIGNATURE,
    cosign_artifact,
    sign_image,
    signatures,
    simple_signing_payload,
)
from xtask.image.evidence.referrers import attach
from xtask.image.layer import Entry, write_layer
from xtask.image.registry.client import Repository
from xtask.image.registry.push import push_image, push_referrers
from xtask.image.registry.reference import parse_reference

if TYPE_CHECKING:
    from pathlib import Path

    from xtask.image.layout import Layout

ALICE, BOB = seeded(1), seeded(2)


def test_a_signature_is_over_the_payload_and_by_each_key(layout: Layout) -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    layer = write_layer(layout, [Entry("a", b"a")])
    config = ImageConfig(entrypoint=("/a",))
    image = assemble(layout, layers=[layer], config=config, annotations={}, reference="shop:1")
    made = sign_image(image.digest, "localhost/shop", [ALICE, BOB])
    (digest,) = attach(
        layout, image.digest, [cosign_artifact(image.digest, "localhost/shop", made)]
    )
    manifest = layout.read_json(digest)
    payload = simple_signing_payload(image.digest, "localhost/shop")
    assert signatures(manifest) == made
    assert json.loads(payload)["critical"]["image"] == {"docker-manifest-digest": image.digest}
    for part in manifest["layers"]:
        assert layout.read_bytes(part["digest"]) == payload
        signature = base64.b64decode(part["annotations"][SIGNATURE])
        assert any(_verifies(Ed25519PublicKey, one, signature, payload) for one in (ALICE, BOB))


def _verifies(kind: type, signer: object, signature: bytes, payload: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature

    try:
        kind.from_public_bytes(keys.raw_public(signer)).verify(signature, payload)  # type: ignore[attr-defined, arg-type]
    except InvalidSignature:
        return False
    return True


@pytest.mark.requires("registry", "skopeo")
def test_a_registry_has_the_signature_where_cosign_looks(layout: Layout, tmp_path: Path) -> None:
    layer = write_layer(layout, [Entry("a", b"a")])
    config = ImageConfig(entrypoint=("/a",))
    with docker_registry(tmp_path / "registry") as host:
        name = f"{host}/shop"
        image = assemble(
            layout, layers=[layer], config=config, annotations={}, reference=f"{name}:1"
        )
        made = sign_image(image.digest, name, [ALICE])
        attach(layout, image.digest, [cosign_artifact(image.digest, name, made)])
        with Repository(parse_reference(f"{name}:1")) as there:
            push_image(layout, image.digest, there, tags=["1"])
            push_referrers(layout, image.digest, there)
        tag = f"sha256-{image.digest.removeprefix('sha256:')}.sig"
        found = json.loads(_inspected(f"{name}:{tag}", "--raw"))
        assert signatures(found) == made
        assert json.loads(_inspected(f"{name}:{tag}"))["Layers"] == [
            sha256(simple_signing_payload(image.digest, name))
        ]
        config_seen = json.loads(_inspected(f"{name}:{tag}", "--config", "--raw"))
    assert config_seen["rootfs"]["diff_ids"] == [found["layers"][0]["digest"]]


def _inspected(name: str, *words: str) -> str:
    """Return what skopeo, which knows nothing of xtask, sees in the registry."""
    argv = ["skopeo", "inspect", "--tls-verify=false", *words, f"docker://{name}"]
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout
