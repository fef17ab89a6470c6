from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.registry import Fault, Proxy, Reply
from xtask.digest import canonical_json, sha256
from xtask.errors import UntrustedError
from xtask.image.layout import (
    CONFIG_TYPE,
    INDEX_TYPE,
    LAYER_TYPE,
    MANIFEST_TYPE,
    REFERENCE,
    SUBJECT,
)
from xtask.image.registry.pull import pull_image
from xtask.image.registry.push import push_image, push_referrers
from xtask.image.registry.transport import Request

if TYPE_CHECKING:
    from collections.abc import Callable

    from xtask.image.assemble import Image
    from xtask.image.layout import Layout
    from xtask.image.registry.client import Repository

pytestmark = pytest.mark.requires("registry")

WRITES = "(POST|PUT|PATCH) "
BLOBS = WRITES + ".*/blobs/uploads/"
MANIFESTS = WRITES + ".*/manifests/"


def make_index(layout: Layout, *images: Image) -> str:
    manifests = [
        {
            "mediaType": MANIFEST_TYPE,
            "digest": image.digest,
            "size": image.size,
            "platform": {"os": "linux", "architecture": architecture},
        }
        for image, architecture in zip(images, ("amd64", "arm64"), strict=True)
    ]
    return layout.put_bytes(
        canonical_json({"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": manifests})
    )


def attach(layout: Layout, subject: str, text: str, tag: str = "") -> str:
    """Add a manifest about another one to the layout, and return its digest."""
    empty, blob = layout.put_bytes(b"{}"), layout.put_bytes(text.encode())
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "artifactType": "application/vnd.example",
        "config": {"mediaType": "application/vnd.oci.empty.v1+json", "digest": empty, "size": 2},
        "layers": [{"mediaType": "text/plain", "digest": blob, "size": len(text)}],
        "subject": {"mediaType": MANIFEST_TYPE, "digest": subject, "size": 1},
        "annotations": {"made": text},
    }
    line = described(MANIFEST_TYPE, canonical_json(manifest))
    line["annotations"] = {SUBJECT: subject} | ({REFERENCE: tag} if tag else {})
    layout.replace_referrers(subject, [*layout.referrers(subject), line])
    return layout.put_bytes(canonical_json(manifest))


def test_what_was_pushed_can_be_pulled(
    layout: Layout, image: Image, repository: Repository, other_layout: Layout
) -> None:
    pushed = push_image(layout, image.digest, repository, tags=["1", "latest"])
    assert repository.resolve("1").digest == repository.resolve("latest").digest == image.digest
    assert pull_image(repository, image.digest, other_layout) == image.digest
    other_layout.verify(image.digest)
    assert len(pushed.uploaded) == 4
    assert (pushed.mounted, pushed.skipped) == ((), ())


def test_blobs_come_before_the_config_and_the_tag_comes_last(
    layout: Layout, image: Image, repository: Repository, registry: Proxy
) -> None:
    push_image(layout, image.digest, repository, tags=["1"])
    order = [one.path for one in registry.seen("PUT ")]
    assert all(f"digest=sha256%3A{image.config_digest[7:]}" not in path for path in order[:3])
    assert image.config_digest[7:] in order[3]
    assert order[4:] == [f"/v2/{repository.name}/manifests/1"]


def test_without_a_tag_the_manifest_is_found_by_its_digest(
    layout: Layout, image: Image, repository: Repository
) -> None:
    push_image(layout, image.digest, repository, tags=[])
    assert repository.has_manifest(image.digest)
    assert not repository.has_manifest(sha256(b""))


def test_the_same_image_again_sends_a_manifest_only(
    layout: Layout, image: Image, repository: Repository, registry: Proxy
) -> None:
    push_image(layout, image.digest, repository, tags=["1"])
    registry.asked.clear()
    pushed = push_image(layout, image.digest, repository, tags=["1"])
    assert registry.seen(BLOBS) == []
    assert pushed.bytes_sent == image.size
    assert len(pushed.skipped) == 4


def test_a_changed_module_in_50_sends_its_layer_the_composition_config_and_manifest(
    layout: Layout, make_image: Callable[..., Image], repository: Repository, registry: Proxy
) -> None:
    modules = [f"module {number}" for number in range(50)]
    before = make_image("base", *modules, "composition")
    push_image(layout, before.digest, repository, tags=["before"])
    modules[25] = "changed"
    after = make_image("base", *modules, "new composition")
    registry.asked.clear()
    pushed = push_image(layout, after.digest, repository, tags=["after"])

    new = [one for one in after.layers if one not in before.layers]
    config = layout.path(after.config_digest).stat().st_size
    assert len(new) == 2
    assert {blob.digest for blob in pushed.uploaded} == {
        *(layer.digest for layer in new),
        after.config_digest,
    }
    expected = sum(layer.size for layer in new) + config + after.size
    assert expected == sum(one.taken for one in registry.seen(WRITES)) == pushed.bytes_sent
    assert len(registry.seen(MANIFESTS)) == 1
    # Every blob is asked for, those of the image before too: the registry may have lost them.
    assert len(registry.seen("HEAD ")) == len(after.layers) + 1


def test_a_blob_of_another_repository_is_mounted(
    layout: Layout, image: Image, repository: Repository, other: Repository, registry: Proxy
) -> None:
    push_image(layout, image.digest, repository, tags=["1"])
    registry.asked.clear()
    sources = ["nobody/has-this", repository.name]
    pushed = push_image(layout, image.digest, other, tags=["1"], mount_from=sources)
    assert len(pushed.mounted) == 4
    assert pushed.bytes_sent == image.size
    assert registry.seen("(PUT|PATCH) .*/blobs/") == []


def test_a_blob_that_is_at_the_registry_only_is_no_obstacle(
    layout: Layout, image: Image, repository: Repository
) -> None:
    push_image(layout, image.digest, repository, tags=["1"])
    layout.path(image.layers[0].digest).unlink()
    assert push_image(layout, image.digest, repository, tags=["2"]).uploaded == ()


@pytest.mark.parametrize("way", ["missing", "altered", "shorter"])
def test_an_image_that_is_not_whole_is_not_pushed(
    layout: Layout, image: Image, repository: Repository, registry: Proxy, way: str
) -> None:
    path = layout.path(image.layers[1].digest)
    data = path.read_bytes()
    if way == "missing":
        path.unlink()
    else:
        path.write_bytes(data[:-1] + (b"!" if way == "altered" else b""))
    with pytest.raises(UntrustedError, match=image.layers[1].digest):
        push_image(layout, image.digest, repository, tags=["1"])
    assert registry.seen(MANIFESTS) == []


def test_a_blob_that_the_image_before_has_lost_is_sent_before_the_manifest(
    layout: Layout, make_image: Callable[..., Image], repository: Repository, registry: Proxy
) -> None:
    before, after = make_image("one", "two"), make_image("one", "three")
    push_image(layout, before.digest, repository, tags=["before"])
    lost = before.layers[0]
    url = repository.url(f"blobs/{lost.digest}")
    repository.transport.ask(Request("DELETE", url, repository.push_scopes), 202)
    pushed = push_image(layout, after.digest, repository, tags=["after"])
    assert repository.find_manifest("before")
    assert repository.has_blob(lost.digest, lost.size)
    assert lost.digest in {blob.digest for blob in pushed.uploaded}
    # No manifest had to be refused for that: not every registry looks.
    assert len(registry.seen(MANIFESTS + "after")) == 1


def test_an_index_comes_after_its_images(
    layout: Layout,
    make_image: Callable[..., Image],
    repository: Repository,
    registry: Proxy,
    other_layout: Layout,
) -> None:
    images = [
        make_image("shared", architecture, platform=f"linux/{architecture}")
        for architecture in ("amd64", "arm64")
    ]
    index = make_index(layout, *images)
    push_image(layout, index, repository, tags=["1"])
    assert repository.resolve("1").digest == index
    assert registry.seen(MANIFESTS)[-1].path.endswith("/1")
    assert len(registry.seen(MANIFESTS)) == 3
    for image, architecture in zip(images, ("amd64", "arm64"), strict=True):
        found = pull_image(repository, index, other_layout, platform=f"linux/{architecture}")
        assert found == image.digest
        other_layout.verify(image.digest)
    assert other_layout.has(index)


@pytest.mark.requires("skopeo")
def test_skopeo_finds_the_same_bytes(layout: Layout, image: Image, repository: Repository) -> None:
    push_image(layout, image.digest, repository, tags=["1"])
    name = f"docker://{repository.registry}/{repository.name}:1"
    done = subprocess.run(
        ["skopeo", "inspect", "--raw", "--tls-verify=false", name],
        capture_output=True,
        check=True,
        timeout=60,
    )
    assert sha256(done.stdout) == image.digest


def test_progress_ends_with_everything(
    layout: Layout, image: Image, repository: Repository
) -> None:
    total = image.total_size + layout.path(image.config_digest).stat().st_size
    for tag in ("sent", "there before"):
        told: list[tuple[int, int]] = []

        def tell(done: int, of: int, told: list[tuple[int, int]] = told) -> None:
            told.append((done, of))

        push_image(layout, image.digest, repository, tags=[tag.replace(" ", "-")], progress=tell)
        assert told[-1] == (total, total)


def test_referrers_are_found_under_the_fallback_tag(
    layout: Layout, make_image: Callable[..., Image], repository: Repository, registry: Proxy
) -> None:
    image, stranger = make_image("one"), make_image("two")
    layout.add_manifest(image.digest, image.size, "shop:first")
    push_image(layout, image.digest, repository, tags=["1"])
    about = sorted(attach(layout, image.digest, text) for text in ("sbom", "provenance"))
    attach(layout, stranger.digest, "of another image")
    pushed = push_referrers(layout, image.digest, repository)

    assert list(pushed.manifests) == about
    found = repository.referrers(image.digest)
    assert [one["digest"] for one in found] == about
    assert {one["artifactType"] for one in found} == {"application/vnd.example"}
    assert {one["annotations"]["made"] for one in found} == {"sbom", "provenance"}
    tag = f"sha256-{image.digest[7:]}"
    data, media_type = repository.manifest(tag)
    assert media_type == INDEX_TYPE
    assert [one["digest"] for one in json.loads(data)["manifests"]] == about

    later = attach(layout, image.digest, "signature")
    registry.asked.clear()
    push_referrers(layout, image.digest, repository)
    assert [one["digest"] for one in repository.referrers(image.digest)] == sorted([*about, later])
    assert repository.referrers(stranger.digest) == []


def test_the_fallback_index_does_not_depend_on_the_order(
    layout: Layout, image: Image, repository: Repository, other: Repository
) -> None:
    first = attach(layout, image.digest, "sbom")
    for one in (repository, other):
        push_image(layout, image.digest, one, tags=["1"])
    push_referrers(layout, image.digest, repository)
    attach(layout, image.digest, "provenance")
    for one in (repository, other):
        push_referrers(layout, image.digest, one)
    tag = f"sha256-{image.digest[7:]}"
    assert repository.manifest(tag) == other.manifest(tag)
    assert first in {one["digest"] for one in other.referrers(image.digest)}


def test_evidence_with_a_tag_gets_it_in_the_registry(
    layout: Layout, image: Image, repository: Repository
) -> None:
    push_image(layout, image.digest, repository, tags=["1"])
    tag = f"sha256-{image.digest[7:]}.sig"
    signature = attach(layout, image.digest, "signature", tag)
    push_referrers(layout, image.digest, repository)
    assert repository.resolve(tag).digest == signature
    assert [one["digest"] for one in repository.referrers(image.digest)] == [signature]


def test_evidence_of_another_image_is_not_pushed(
    layout: Layout, make_image: Callable[..., Image], repository: Repository, registry: Proxy
) -> None:
    image, other = make_image("one"), make_image("two")
    about_other = attach(layout, other.digest, "sbom")
    line = {"digest": about_other, "annotations": {SUBJECT: image.digest}}
    layout.replace_referrers(image.digest, [line])
    with pytest.raises(UntrustedError, match="is not about"):
        push_referrers(layout, image.digest, repository)
    assert registry.asked == []


class TestRegistryThatKnowsReferrers:
    def test_gets_no_fallback_tag(
        self, layout: Layout, image: Image, repository: Repository, registry: Proxy
    ) -> None:
        push_image(layout, image.digest, repository, tags=["1"])
        attach(layout, image.digest, "sbom")
        subject = {"OCI-Subject": image.digest}
        registry.faults.append(
            Fault(
                "PUT .*/manifests/",
                change=lambda one: one._replace(headers={**one.headers, **subject}),
            )
        )
        push_referrers(layout, image.digest, repository)
        tag = f"sha256-{image.digest[7:]}"
        assert repository.find_manifest(tag) is None

    def test_is_asked_page_by_page(self, simulator: Proxy, simulated: Repository) -> None:
        lines = [described(MANIFEST_TYPE, text) for text in (b"one", b"two")]
        pages = [canonical_json({"schemaVersion": 2, "manifests": [one]}) for one in lines]
        link = {"Link": '</v2/team/shop/referrers/x?n=1>; rel="next"'}
        simulator.faults += [
            Fault("GET .*/referrers/sha256:", reply=Reply(200, link, pages[0])),
            Fault(r"GET .*/referrers/x\?n=1$", reply=Reply(200, {}, pages[1])),
        ]
        found = simulated.referrers(sha256(b""))
        assert found == sorted(lines, key=lambda one: str(one["digest"]))


def test_an_image_without_referrers_gets_no_tag(
    layout: Layout, image: Image, repository: Repository, registry: Proxy
) -> None:
    push_image(layout, image.digest, repository, tags=["1"])
    registry.asked.clear()
    assert push_referrers(layout, image.digest, repository).manifests == ()
    assert registry.asked == []


def described(media_type: str, data: bytes) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": sha256(data), "size": len(data)}


def test_an_artifact_is_pushed_like_an_image(layout: Layout, repository: Repository) -> None:
    config, layer = b"{}", b"text"
    layout.put_bytes(config), layout.put_bytes(layer)
    manifest = canonical_json(
        {
            "schemaVersion": 2,
            "config": described(CONFIG_TYPE, config),
            "layers": [described(LAYER_TYPE, layer)],
        }
    )
    push_image(layout, layout.put_bytes(manifest), repository, tags=["1"])
    assert repository.manifest("1") == (manifest, MANIFEST_TYPE)
