"""A base is copied once, verified, and nobody is asked for it again."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest

from tests.support.bases import image, index, python_files, tar
from xtask.errors import UntrustedError, XtaskError
from xtask.image.base.sources import FromLayout, obtain
from xtask.image.base.values import BaseError
from xtask.image.layout import Layout

if TYPE_CHECKING:
    from pathlib import Path

AMD64, ARM64 = "linux/amd64", "linux/arm64"


class Nobody:
    """A source that must not be asked."""

    name = ""

    def resolve(self) -> str:
        raise AssertionError

    def document(self, digest: str) -> bytes:
        raise AssertionError(digest)

    def fetch(self, manifest: str, layout: Layout) -> None:
        raise AssertionError(manifest, layout)


@pytest.fixture
def theirs(tmp_path: Path) -> Layout:
    return Layout(tmp_path / "theirs")


@pytest.fixture
def ours(tmp_path: Path) -> Layout:
    return Layout(tmp_path / "ours")


def test_copies_the_image_once_and_asks_nobody_afterwards(theirs: Layout, ours: Layout) -> None:
    digest = image(theirs, [tar(python_files())], reference="3.12")
    source = FromLayout(theirs)
    assert source.resolve() == digest
    assert obtain(source, digest, ours, AMD64) == digest
    ours.verify(digest)
    shutil.rmtree(theirs.root)
    assert obtain(Nobody(), digest, ours, AMD64) == digest
    (kept,) = json.loads(ours.index.read_bytes())["manifests"]
    assert (kept["digest"], ours.root.name) == (digest, "ours")


def test_of_an_index_only_the_platforms_that_are_asked_for_are_copied(
    theirs: Layout, ours: Layout
) -> None:
    files = {platform: tar(python_files(platform=platform)) for platform in (AMD64, ARM64)}
    images = {p: image(theirs, [data], platform=p) for p, data in files.items()}
    top = index(theirs, {AMD64: images[AMD64], f"{ARM64}/v8": images[ARM64]}, "3.12")
    source = FromLayout(theirs, "3.12")
    assert source.resolve() == top
    assert obtain(source, top, ours, ARM64) == images[ARM64]
    assert not ours.has(images[AMD64])
    assert obtain(source, top, ours, AMD64) == images[AMD64]
    assert obtain(Nobody(), top, ours, AMD64) == images[AMD64]


def test_an_index_without_the_platform_says_what_it_has(theirs: Layout, ours: Layout) -> None:
    made = image(theirs, [tar(python_files())])
    for platforms in ({AMD64: made, "linux/arm/v7": made}, {AMD64: made, f"{ARM64}/v9": made}):
        top = index(theirs, platforms)
        with pytest.raises(BaseError, match="no image for linux/arm64") as caught:
            obtain(FromLayout(theirs), top, ours, ARM64)
        assert "linux/amd64" in str(caught.value.help)
        assert "unknown" not in str(caught.value.help)


def test_the_usual_variant_is_meant(theirs: Layout, ours: Layout) -> None:
    plain = image(theirs, [tar(python_files())])
    newer = image(theirs, [tar(python_files("3.13.1"))])
    top = index(theirs, {f"{AMD64}/v3": newer, AMD64: plain})
    assert obtain(FromLayout(theirs), top, ours, AMD64) == plain


def test_several_images_need_a_name(theirs: Layout) -> None:
    first = image(theirs, [tar(python_files())], reference="3.12")
    image(theirs, [tar(python_files("3.13.1"))], reference="3.13")
    with pytest.raises(BaseError, match="has 2 images that could be the one") as caught:
        FromLayout(theirs).resolve()
    assert "3.12, 3.13" in str(caught.value.help)
    assert FromLayout(theirs, "3.12").resolve() == first
    with pytest.raises(BaseError, match=r"has 0 images that could be `3\.14`"):
        FromLayout(theirs, "3.14").resolve()


def test_a_folder_that_is_no_layout_is_said_to_be_none(tmp_path: Path) -> None:
    with pytest.raises(BaseError, match="is no image layout: No such file"):
        FromLayout(Layout(tmp_path / "nothing")).resolve()
    for text in ("", "[]", "{}", '{"manifests": 5}', '{"manifests": [5]}', "{" * 9999):
        (tmp_path / "index.json").write_text(text)
        with pytest.raises(UntrustedError, match="is not the index"):
            FromLayout(Layout(tmp_path)).resolve()


@pytest.mark.parametrize("part", ["manifest", "config", "layer"])
@pytest.mark.parametrize("damage", ["altered", "gone"])
def test_refuses_a_blob_that_is_altered_or_gone_and_keeps_nothing_of_it(
    theirs: Layout, ours: Layout, part: str, damage: str
) -> None:
    digest = image(theirs, [tar(python_files())])
    manifest = theirs.read_json(digest)
    bad = {
        "manifest": digest,
        "config": manifest["config"]["digest"],
        "layer": manifest["layers"][0]["digest"],
    }[part]
    path = theirs.path(bad)
    before = path.read_bytes()
    path.unlink()
    if damage == "altered":
        path.write_bytes(before[:-1] + bytes([before[-1] ^ 1]))
    with pytest.raises(UntrustedError, match=bad):
        obtain(FromLayout(theirs), digest, ours, AMD64)
    assert not ours.has(bad)
    path.write_bytes(before)
    assert obtain(FromLayout(theirs), digest, ours, AMD64) == digest
    ours.verify(digest)


def test_a_digest_that_leads_elsewhere_is_refused(theirs: Layout, ours: Layout) -> None:
    top = theirs.put_bytes(
        b'{"config":{"digest":"sha256:../../../etc/passwd"},"layers":[],"schemaVersion":2}'
    )
    with pytest.raises(XtaskError):
        obtain(FromLayout(theirs), top, ours, AMD64)
