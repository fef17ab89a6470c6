"""The same image signed once more, in the place and shape that cosign looks for.

cosign's `specs/SIGNATURE_SPEC.md` and containers/image's `simple signing`: an image with the tag
`sha256-<hex>.sig`, whose layers are payloads that name a digest, with the signature in an
annotation. Any cosign, skopeo or podman checks it against the public key:
`cosign verify --key KEY.pub --insecure-ignore-tlog=true IMAGE`.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from xtask.digest import canonical_json, hex_of, sha256
from xtask.image.evidence.referrers import Artifact, Part
from xtask.image.layout import CONFIG_TYPE

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from securesystemslib.signer import CryptoSigner

COSIGN_KIND = "application/vnd.dev.cosign.artifact.sig.v1+json"
PAYLOAD_TYPE = "application/vnd.dev.cosign.simplesigning.v1+json"
SIGNATURE = "dev.cosignproject.cosign/signature"
_TYPE = "cosign container image signature"


def sign_image(image: str, repository: str, signers: Iterable[CryptoSigner]) -> frozenset[bytes]:
    """Return the signatures of an image; Ed25519 makes the same bytes with the same key.

    Args:
        image: digest of the image's manifest or index.
        repository: where the image belongs, without a tag.
        signers: who signs.
    """
    payload = simple_signing_payload(image, repository)
    return frozenset(bytes.fromhex(signer.sign(payload).signature) for signer in signers)


def cosign_artifact(image: str, repository: str, signatures: Collection[bytes]) -> Artifact:
    """Return signatures of an image as evidence."""
    payload = simple_signing_payload(image, repository)
    parts = [
        Part(payload, PAYLOAD_TYPE, {SIGNATURE: base64.b64encode(made).decode()})
        for made in sorted(signatures)
    ]
    return Artifact(
        COSIGN_KIND,
        tuple(parts),
        config=Part(_config(payload, len(parts)), CONFIG_TYPE),
        reference=signature_tag(image),
    )


def signatures(manifest: Mapping[str, Any] | None) -> frozenset[bytes]:
    """Return the signatures in a manifest of this kind; what cannot be read is none."""
    parts = manifest.get("layers") if manifest else None
    texts = [
        part["annotations"].get(SIGNATURE)
        for part in (parts if isinstance(parts, list) else [])
        if isinstance(part, dict) and isinstance(part.get("annotations"), dict)
    ]
    try:
        return frozenset(base64.b64decode(text, validate=True) for text in texts if text)
    except (ValueError, TypeError):
        return frozenset()


def simple_signing_payload(image: str, repository: str) -> bytes:
    """Return what is signed: the digest, and the name that it is signed under."""
    critical = {
        "identity": {"docker-reference": repository},
        "image": {"docker-manifest-digest": image},
        "type": _TYPE,
    }
    return canonical_json({"critical": critical, "optional": None})


def signature_tag(image: str) -> str:
    """Return the tag under which cosign looks for the signatures of a digest."""
    return f"sha256-{hex_of(image)}.sig"


def _config(payload: bytes, number: int) -> bytes:
    """Return the config that makes the signatures an image; cosign writes the same."""
    rootfs = {"type": "layers", "diff_ids": [sha256(payload)] * number}
    return canonical_json(
        {
            "architecture": "",
            "config": {},
            "created": "0001-01-01T00:00:00Z",
            "history": [{"created": "0001-01-01T00:00:00Z"}],
            "os": "",
            "rootfs": rootfs,
        }
    )
