"""A workspace with a small recorded image and signed evidence, for tests to forge."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from xtask.cli import main
from xtask.digest import canonical_json, hex_of, sha256, sha256_of
from xtask.image.assemble import Image, ImageConfig, assemble, assemble_index
from xtask.image.evidence import keys, provenance
from xtask.image.evidence.distributions import Licences
from xtask.image.evidence.envelope import ENVELOPE_TYPE, STATEMENT_TYPE, sign
from xtask.image.evidence.provenance import PROVENANCE_NAME
from xtask.image.evidence.referrers import attach
from xtask.image.evidence.sbom import BasePart, Contents, ModulePart, PackagePart, sbom
from xtask.image.evidence.trust import (
    BUILD,
    LOCAL_BUILDER,
    TRUST,
    Trust,
    TrustedKey,
    moment,
    sign_trust,
)
from xtask.image.layer import Entry, write_layer
from xtask.image.layout import Layout
from xtask.pipeline.building.attest import bill_artifact, provenance_artifact
from xtask.records.store import open_records
from xtask.records.values import BuildRequest, Claim
from xtask.settings import Settings, read_settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    import pytest
    from securesystemslib.signer import CryptoSigner

    from xtask.records.values import Build

NOW = datetime.now(UTC).replace(microsecond=0)
REPOSITORY = "localhost/shop"
BUNDLED = ("image.json", "plan.json", "surface.json")


def seeded(number: int) -> CryptoSigner:
    """Return the same key for the same number from 0 to 255."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return keys._signer(Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32))


def entry(
    signer: CryptoSigner, *roles: str, days: int = 30, builder: str = LOCAL_BUILDER
) -> TrustedKey:
    """Return a key as a trust file lists it; a negative number of days is over."""
    public = keys.raw_public(signer)
    end = moment(NOW + timedelta(days=days))
    return TrustedKey(
        keys.key_id(public), public, tuple(sorted(roles)), end, builder if BUILD in roles else ""
    )


def trust_of(*entries: TrustedKey, version: int = 1, build: int = 1, trust: int = 1) -> Trust:
    return Trust(version, {BUILD: build, TRUST: trust}, tuple(sorted(entries)))


def contents(image: str, manifest_hash: str, **changes: Any) -> Contents:
    """Return contents with one of everything."""
    mit = Licences(ids=("MIT",))
    return Contents(
        app="shop",
        app_version="1.0.0",
        repository=REPOSITORY,
        image_digest=image,
        manifest_hash=manifest_hash,
        bases=(BasePart("linux/amd64", "interpreter", sha256(b"base"), "3.11.7"),),
        modules=(
            ModulePart(
                name="cart", version="1.0.0", dialect="native", source="path modules/cart",
                digest=sha256(b"cart"), licences=Licences(names=("ours",)), requires=("host",),
                wheel="cart-1.0.0-py3-none-any.whl", wheel_digest=sha256(b"wheel"),
                distribution="cart",
            ),
            ModulePart(
                name="host", version="1.0.0", dialect="native", source="path modules/host",
                digest=sha256(b"host"), licences=Licences(), requires=(),
            ),
            ModulePart(
                name="metrics", version="0.26.0", dialect="native",
                source="index prometheus-client",
                digest=sha256(b"metrics"), licences=Licences(expression="Apache-2.0 AND MIT"),
                requires=(), wheel="prometheus_client-0.26.0-py3-none-any.whl",
                wheel_digest=sha256(b"m"), distribution="prometheus-client", published="0.26.0",
            ),
        ),
        packages=(
            PackagePart("anyio", "4.1+local", mit, (("anyio-4.1-py3-none-any.whl", sha256(b"a")),),
                        (), ("fastapi",)),
            PackagePart(
                "fastapi", "0.1", mit,
                (("fastapi-0.1-x.whl", sha256(b"f")), ("fastapi-0.1-y.whl", sha256(b"g"))),
                ("cart",), (),
            ),
        ),
    )._replace(**changes)  # fmt: skip


@dataclass
class Workshop:
    """One recorded build and everything that vouches for it; methods put forgeries in its place."""

    root: Path
    image: Image
    build: Build
    bill: bytes

    @property
    def settings(self) -> Settings:
        return read_settings(self.root, {"XTASK_ACTOR": "test"})

    @property
    def layout(self) -> Layout:
        return Layout(self.settings.workspace.layout)

    def believe(self, trust: Trust, signers: Iterable[CryptoSigner]) -> None:
        self.settings.workspace.trust.write_bytes(sign_trust(trust, signers).file())

    @property
    def files(self) -> dict[str, str]:
        """The digests of the bundle's files that provenance names."""
        bundle = self.root / str(self.build.bundle)
        here = {name: sha256((bundle / name).read_bytes()) for name in BUNDLED}
        return here | {provenance.SBOM_NAME: sha256(self.bill)}

    def statement(self, *path: str, to: Any = None, **subject: Any) -> bytes:
        """Return the right statement, with the value at a path of keys replaced."""
        facts = provenance.Subject(
            reference=self.image.reference,
            image_digest=self.image.digest,
            manifest_hash=self.build.manifest_hash,
            platforms=("linux/amd64",),
            files=self.files,
        )
        run = provenance.Run(
            LOCAL_BUILDER, self.build.id, "2026-11-21T07:00:00.000Z", "2026-11-21T07:00:01.000Z"
        )
        versions = {"formats": {}, "python": "3.11.7", "xtask": "0.1.0"}
        materials = frozenset({provenance.Material("module cart", sha256(b"cart"))})
        made = provenance.statement(facts._replace(**subject), materials, versions, run)
        document = json.loads(made)
        if path:
            inside = document
            for key in path[:-1]:
                inside = inside[key] if isinstance(inside, dict) else inside[int(key)]
            inside[path[-1]] = to
        return canonical_json(document)

    def attach(self, data: bytes, kind: str = ENVELOPE_TYPE, bill: bytes | None = None) -> None:
        """Let this be the evidence, in the layout and in the bundle."""
        artifacts = [
            bill_artifact(self.bill if bill is None else bill), provenance_artifact(data, kind)
        ]  # fmt: skip
        attach(self.layout, self.image.digest, artifacts)
        bundle = self.root / str(self.build.bundle)
        (bundle / PROVENANCE_NAME).write_bytes(data)
        (bundle / provenance.SBOM_NAME).write_bytes(self.bill if bill is None else bill)

    def sign(self, statement: bytes, *signers: CryptoSigner, kind: str = STATEMENT_TYPE) -> None:
        self.attach(sign(statement, kind, signers).document())

    def verify(self, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
        """Return exit code, the check that failed (empty: none), and what it says."""
        code = main(["verify", "--workspace", str(self.root), "--json", *words])
        said = capsys.readouterr()
        assert "bug in xtask" not in said.err, said.err
        document = json.loads(said.out)
        if "error" in document:
            return code, "", document["error"]["message"]
        failed = [check for check in document["checks"] if not check["ok"]]
        assert document["verified"] is not bool(failed)
        return code, *((failed[0]["check"], failed[0]["says"]) if failed else ("", ""))


def make_workshop(root: Path, name: str = "shop", *, platforms: bool = False) -> Workshop:
    """Return a workspace with a recorded image; of two platforms it is an index."""
    settings = read_settings(root, {"XTASK_ACTOR": "test"})
    workspace = settings.workspace
    layout = Layout(workspace.layout)
    named = ["linux/amd64", "linux/arm64"] if platforms else ["linux/amd64"]
    plan = {"app": name, "platform": named if platforms else named[0]}
    manifest_hash = sha256_of(plan)
    reference = f"{REPOSITORY}:{hex_of(manifest_hash)[:16]}"
    layer = write_layer(layout, [Entry("app/site/cart.py", name.encode())])
    images = {
        platform: assemble(
            layout,
            layers=[layer],
            config=ImageConfig(entrypoint=("/x",), platform=platform),
            annotations={},
            reference="" if platforms else reference,
        )
        for platform in named
    }
    image = images["linux/amd64"]
    if platforms:
        image = assemble_index(layout, images, annotations={}, reference=reference)
    bundle = workspace.bundles / hex_of(manifest_hash)
    files: Mapping[str, Any] = {
        "plan.json": plan,
        "surface.json": {},
        "image.json": {
            "manifest_hash": manifest_hash,
            "image_digest": image.digest,
            "config_digest": image.config_digest,
        },
    }
    bundle.mkdir(parents=True)
    for file, value in files.items():
        (bundle / file).write_bytes(canonical_json(value))
    with open_records(settings.database_url) as records:
        request = BuildRequest(manifest_hash, profile="release", modules=(), actor="test")
        build = records.finish_build(
            records.begin_build(request, Claim("test", 60.0)),
            image_digest=image.digest,
            config_digest=image.config_digest,
            image_ref=reference,
            bundle=str(bundle.relative_to(root)),
            modules=[],
        )
    bill = sbom(contents(image.digest, manifest_hash))
    return Workshop(root, image, build, bill)
