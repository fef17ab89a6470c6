"""What vouches for a build, from the command line."""

from __future__ import annotations

import json
import re
import tarfile
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.shop import Workspace, built_reference_application
from xtask.image.evidence.cosign import COSIGN_KIND
from xtask.image.evidence.referrers import attached
from xtask.image.layout import Layout
from xtask.resolve.lock import normalised

pytestmark = pytest.mark.requires("index")


def bundled(workspace: Workspace, document: Any, name: str) -> bytes:
    return (workspace.root / document["bundle"] / name).read_bytes()


def distributions_in_layers(workspace: Workspace, image: str) -> set[tuple[str, str]]:
    """Name and version of every `.dist-info` in the tar files of the image."""
    layout = Layout(workspace.root / "releases" / "oci")
    found = set()
    for layer in layout.read_json(image)["layers"]:
        with tarfile.open(layout.path(layer["digest"])) as archive:
            for name in archive.getnames():
                if match := re.fullmatch(r"app/site/([^/]+)-([^/-]+)\.dist-info/METADATA", name):
                    found.add((normalised(match[1]), match[2]))
    return found


def test_the_bill_of_the_reference_application_is_what_its_image_holds(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    # Not above: it makes grammars for seconds, in every process that collects tests.
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    workspace = built_reference_application(tmp_path_factory)
    built = workspace.built()
    bill = bundled(workspace, built, "sbom.cdx.json")
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(bill.decode()) is None
    document = json.loads(bill)
    listed = set()
    for component in document["components"]:
        said = {one["name"]: one["value"] for one in component.get("properties", [])}
        if component["bom-ref"].startswith("pkg:pypi/"):
            listed.add((component["name"], component["version"]))
            assert component["licenses"], component["name"]
            assert len(component["hashes"]) == 1
        elif "xtask:distribution" in said:
            listed.add((said["xtask:distribution"], component["version"]))
    assert listed == distributions_in_layers(workspace, built["image_digest"])
    edges = {one["ref"]: one.get("dependsOn", []) for one in document["dependencies"]}
    reached, waiting = set(), ["image"]
    while waiting:
        ref = waiting.pop()
        reached.add(ref)
        waiting += [one for one in edges[ref] if one not in reached]
    assert reached == edges.keys(), "somebody pulled every component in"
    assert workspace.xtask("verify").code == 0


def test_a_build_says_how_it_was_made_and_nobody_signs_it_without_a_key(shop: Workspace) -> None:
    built = shop.built()
    said = shop.xtask("verify", "--json")
    assert said.code == 0
    assert said.document["verified"] is True
    assert said.document["signed"] is False
    assert [check["check"] for check in said.document["checks"]] == [
        *("image", "index", "bundle", "evidence", "signature"),
        *("subject", "predicate", "builder", "parameters", "sbom", "files"),
    ]
    statement = json.loads(bundled(shop, built, "provenance.json"))
    assert statement["predicate"]["buildDefinition"]["externalParameters"] == {
        "manifestHash": built["manifest_hash"], "platforms": ["linux/amd64"],
    }  # fmt: skip
    run = statement["predicate"]["runDetails"]
    assert run["metadata"]["invocationId"] == built["build_id"]
    names = [
        one["name"] for one in statement["predicate"]["buildDefinition"]["resolvedDependencies"]
    ]
    assert names == ["base layer for linux/amd64", "module cart", "module host"]


def test_a_rebuild_has_the_same_image_and_bill_and_other_provenance(shop: Workspace) -> None:
    first = shop.built()
    bill, provenance = (bundled(shop, first, name) for name in ("sbom.cdx.json", "provenance.json"))
    (shop.root / first["bundle"] / "image.json").unlink()
    second = shop.built()
    assert second["cached"] is False
    assert second["image_digest"] == first["image_digest"]
    assert bundled(shop, second, "sbom.cdx.json") == bill
    assert bundled(shop, second, "provenance.json") != provenance
    assert len(Layout(shop.root / "releases" / "oci").referrers(first["image_digest"])) == 2
    assert shop.xtask("verify").code == 0


def test_files_of_a_bundle_that_are_gone_or_altered_are_made_again(shop: Workspace) -> None:
    bundle = shop.root / shop.built()["bundle"]
    names = ("surface.json", "image.json", "plan.json", "inputs.json", "generated/composition.json")
    for change in (Path.unlink, lambda path: path.write_text("{}")):
        for name in names:
            good = (bundle / name).read_bytes()
            change(bundle / name)
            said = shop.xtask("verify")
            assert (said.code, name in said.err) == (5, True)
            (bundle / name).write_bytes(good)
        for name in names:
            change(bundle / name)
        assert shop.built()["cached"] is False
        assert shop.xtask("verify").code == 0


@pytest.mark.parametrize("name", ["sbom.cdx.json", "provenance.json"])
def test_evidence_that_is_gone_or_altered_is_made_again(shop: Workspace, name: str) -> None:
    built = shop.built()
    copy = shop.root / built["bundle"] / name
    copy.unlink()
    assert shop.built()["cached"] is False
    copy.write_text("{}")
    assert shop.xtask("verify").code == 5
    assert shop.built()["cached"] is False
    layout = Layout(shop.root / "releases" / "oci")
    layout.replace_referrers(built["image_digest"], [])
    assert shop.built()["image_digest"] == built["image_digest"]
    assert shop.xtask("verify").code == 0
    assert shop.built()["cached"] is True


def test_a_build_with_a_key_is_signed_and_a_byte_that_changes_is_named(shop: Workspace) -> None:
    assert shop.xtask("keys", "init").code == 0
    built = shop.built()
    said = shop.xtask("verify", built["build_id"][:8], "--json")
    assert (said.code, said.document["signed"]) == (0, True)
    layout = Layout(shop.root / "releases" / "oci")
    assert len(layout.referrers(built["image_digest"])) == 3
    path = layout.path(built["modules"][1]["layer_digest"])
    data = bytearray(path.read_bytes())
    data[600] ^= 1
    path.write_bytes(data)
    said = shop.xtask("verify", built["manifest_hash"])
    assert said.code == 5
    assert "FAILED          image" in said.out
    assert "is not verified: image: blob" in said.err


def test_every_blob_of_the_evidence_is_hashed_also_those_for_other_programs(
    shop: Workspace,
) -> None:
    assert shop.xtask("keys", "init").code == 0
    built = shop.built()
    layout = Layout(shop.root / "releases" / "oci")
    manifests = attached(layout, built["image_digest"])
    (signed,) = manifests[COSIGN_KIND]["layers"]
    path = layout.path(signed["digest"])
    path.write_bytes(b"x" * signed["size"])
    said = shop.xtask("verify")
    assert said.code == 5
    assert f"evidence: blob {signed['digest']} (evidence of kind {COSIGN_KIND})" in said.err
    path.unlink()
    assert shop.xtask("verify").code == 5
    assert shop.built()["image_digest"] == built["image_digest"]
    assert shop.xtask("verify").code == 0


def test_a_key_that_others_may_read_signs_nothing(shop: Workspace) -> None:
    assert shop.xtask("keys", "init").code == 0
    for path in (shop.root / "releases" / "keys").glob("*.pem"):
        path.chmod(0o644)
    said = shop.xtask("build")
    assert said.code == 5
    assert "its mode is 0644, and has to be 0600" in said.err
    for path in (shop.root / "releases" / "keys").glob("*.pem"):
        path.chmod(0o600)
    assert shop.built()["status"] == "succeeded"


def test_a_build_of_another_machine_is_verified_with_its_trust_file(
    shop: Workspace, tmp_path: Path
) -> None:
    folder = str(tmp_path / "ci-keys")
    listed = shop.xtask("keys", "init", "--builder", "https://ci.example/1", XTASK_KEYS=folder)
    assert listed.code == 0
    shop.xtask("build", XTASK_KEYS=folder)
    trust = shop.root / "releases" / "trust.json"
    trust.rename(tmp_path / "trust.json")
    assert shop.xtask("verify").code == 5
    assert shop.xtask("verify", "--trust", str(tmp_path / "trust.json")).code == 0
    assert shop.xtask("keys", "trust", str(tmp_path / "trust.json")).code == 0
    said = shop.xtask("verify")
    assert said.code == 0
    assert "https://ci.example/1" in said.out


def test_verify_needs_a_build(shop: Workspace) -> None:
    assert shop.xtask("verify").code == 6
    assert shop.xtask("verify", "12345678").code == 6


def test_the_marker_of_the_layout_is_put_back(shop: Workspace) -> None:
    shop.built()
    marker = Layout(shop.root / "releases" / "oci").marker
    content = marker.read_bytes()
    for spoil in (marker.unlink, lambda: marker.write_text("{}")):
        spoil()
        said = shop.xtask("verify")
        assert said.code == 5
        assert "oci-layout is gone or altered" in said.err
        assert shop.built()["cached"] is True
        assert marker.read_bytes() == content
        assert shop.xtask("verify").code == 0


def test_a_build_of_another_builder_is_attested_again(shop: Workspace) -> None:
    built = shop.built()
    assert shop.xtask("keys", "init", "--builder", "https://ci.example/1").code == 0
    said = shop.xtask("keys", "sign")
    assert said.code == 5
    assert "keys here sign as 'https://ci.example/1'" in said.err
    (shop.root / built["bundle"] / "provenance.json").unlink()
    again = shop.built()
    assert again["image_digest"] == built["image_digest"]
    said = shop.xtask("verify")
    assert said.code == 0
    assert "https://ci.example/1" in said.out


def test_a_build_without_the_trusted_keys_says_that_nobody_signs_it(
    shop: Workspace, tmp_path: Path
) -> None:
    folder = str(tmp_path / "safe")
    assert shop.xtask("keys", "init", XTASK_KEYS=folder).code == 0
    said = shop.xtask("build")
    assert said.code == 0
    assert "warning[XT0408]: this build is not signed" in said.err
    assert shop.xtask("verify").code == 5
    assert shop.xtask("keys", "sign", XTASK_KEYS=folder).code == 0
    assert shop.xtask("verify").code == 0
