from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from xtask.digest import canonical_json, sha256
from xtask.errors import UntrustedError
from xtask.image.assemble import Image, ImageConfig, assemble
from xtask.image.evidence.referrers import Artifact, Part, attach, attached, content
from xtask.image.layer import Entry, write_layer
from xtask.image.layout import SUBJECT

if TYPE_CHECKING:
    from xtask.image.layout import Layout

KIND = "application/vnd.example"


@pytest.fixture
def image(layout: Layout) -> Image:
    layer = write_layer(layout, [Entry("a", b"a")])
    config = ImageConfig(entrypoint=("/a",))
    return assemble(layout, layers=[layer], config=config, annotations={}, reference="shop:1")


def note(text: str, kind: str = KIND) -> Artifact:
    return Artifact(kind, (Part(text.encode(), "text/plain"),))


def blobs(layout: Layout) -> set[str]:
    return {path.name for path in (layout.root / "blobs" / "sha256").iterdir()}


def test_evidence_names_the_image_and_the_image_knows_nothing_of_it(
    layout: Layout, image: Image
) -> None:
    before = layout.path(image.digest).read_bytes()
    (digest,) = attach(layout, image.digest, [note("good")])
    manifest = layout.read_json(digest)
    assert manifest["subject"] == {
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "digest": image.digest,
        "size": image.size,
    }
    assert manifest["artifactType"] == KIND
    assert manifest["config"] == {
        "mediaType": "application/vnd.oci.empty.v1+json", "digest": sha256(b"{}"), "size": 2,
        "data": "e30=",
    }  # fmt: skip
    assert content(layout, attached(layout, image.digest)[KIND]) == (b"good", "text/plain")
    assert layout.path(image.digest).read_bytes() == before
    layout.verify(image.digest)


def test_the_index_names_the_image_first_and_evidence_without_a_name(
    layout: Layout, image: Image
) -> None:
    attach(layout, image.digest, [note("a"), note("b", "application/vnd.other")])
    first, *others = json.loads(layout.index.read_bytes())["manifests"]
    assert first["digest"] == image.digest
    assert [one["annotations"] for one in others] == [{SUBJECT: image.digest}] * 2


def test_new_evidence_takes_the_place_of_the_old_and_leaves_nothing_of_it(
    layout: Layout, image: Image
) -> None:
    attach(layout, image.digest, [note("same"), note("b", "application/vnd.other")])
    attach(layout, image.digest, [note("same"), note("c", "application/vnd.other")])
    afterwards = blobs(layout)
    attach(layout, image.digest, [note("same"), note("c", "application/vnd.other")])
    assert blobs(layout) == afterwards
    assert sha256(b"b")[7:] not in afterwards
    assert sha256(b"same")[7:] in afterwards
    assert len(layout.referrers(image.digest)) == 2
    layout.verify(image.digest)


def test_evidence_of_other_images_stays(layout: Layout, image: Image) -> None:
    layer = write_layer(layout, [Entry("b", b"b")])
    config = ImageConfig(entrypoint=("/b",))
    other = assemble(layout, layers=[layer], config=config, annotations={}, reference="shop:2")
    attach(layout, other.digest, [note("other")])
    attach(layout, image.digest, [note("mine")])
    attach(layout, image.digest, [])
    assert attached(layout, image.digest) == {}
    assert content(layout, attached(layout, other.digest)[KIND])[0] == b"other"


def test_the_same_evidence_is_the_same_bytes(layout: Layout, image: Image) -> None:
    first = attach(layout, image.digest, [note("a")]), layout.index.read_bytes()
    assert (attach(layout, image.digest, [note("a")]), layout.index.read_bytes()) == first


def test_refuses_evidence_that_the_index_lists_for_another_image(
    layout: Layout, image: Image
) -> None:
    (digest,) = attach(layout, image.digest, [note("a")])
    manifest = layout.read_json(digest)
    manifest["subject"]["digest"] = sha256(b"another")
    forged = layout.put_bytes(canonical_json(manifest))
    listed = {"digest": forged, "annotations": {SUBJECT: image.digest}}
    layout.replace_referrers(image.digest, [listed])
    with pytest.raises(UntrustedError, match="of another image than it says"):
        attached(layout, image.digest)


def test_refuses_two_of_one_kind(layout: Layout, image: Image) -> None:
    attach(layout, image.digest, [note("a"), note("b")])
    with pytest.raises(UntrustedError, match="is there twice"):
        attached(layout, image.digest)


@pytest.mark.parametrize("damage", [b"[]", b"{}", b'{"manifests":[1]}', b'{"manifests":[{}]}'])
def test_refuses_an_index_that_is_none(layout: Layout, image: Image, damage: bytes) -> None:
    layout.index.write_bytes(damage)
    with pytest.raises(UntrustedError, match="not an image index"):
        attached(layout, image.digest)
