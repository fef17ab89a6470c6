from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.registry import Fault, Proxy, Reply
from xtask.digest import canonical_json, sha256
from xtask.errors import UntrustedError, XtaskError
from xtask.image.layout import CONFIG_TYPE, INDEX_TYPE, LAYER_TYPE, MANIFEST_TYPE
from xtask.image.registry.errors import RegistryError
from xtask.image.registry.pull import pull_image

if TYPE_CHECKING:
    from collections.abc import Callable

    from xtask.image.layout import Layout
    from xtask.image.registry.client import Repository

LAYER = bytes(range(256)) * 20_000
CONFIG = canonical_json(
    {"os": "linux", "architecture": "amd64", "rootfs": {"diff_ids": [sha256(LAYER)]}}
)
DOCKER = "application/vnd.docker."


def described(media_type: str, data: bytes, **more: Any) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": sha256(data), "size": len(data), **more}


MANIFEST = canonical_json(
    {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": described(CONFIG_TYPE, CONFIG),
        "layers": [described(LAYER_TYPE, LAYER)],
    }
)
BLOBS = {sha256(CONFIG): CONFIG, sha256(LAYER): LAYER}


def holds(
    simulator: Proxy, manifest: bytes = MANIFEST, media_type: str = MANIFEST_TYPE, **blobs: bytes
) -> str:
    """Let the simulator have an image; return the digest of its manifest."""
    digest = sha256(manifest)
    headers = {"Content-Type": media_type}
    simulator.faults.append(always(f"manifests/{digest}", Reply(200, headers, manifest)))
    for name, data in {**BLOBS, **blobs}.items():
        simulator.faults.append(always(f"blobs/{name}", ranged(data)))
    return digest


def always(path: str, reply: Any) -> Fault:
    return Fault(f"GET .*/{path}$", times=10**6, reply=reply)


def ranged(data: bytes) -> Callable[[Any], Reply]:
    def reply(asked: Any) -> Reply:
        start = int(asked.headers.get("Range", "bytes=0-")[6:-1])
        if not start:
            return Reply(200, {}, data)
        stated = f"bytes {start}-{len(data) - 1}/{len(data)}"
        return Reply(206, {"Content-Range": stated}, data[start:])

    return reply


def first(simulator: Proxy, path: str, reply: Any, times: int = 1) -> None:
    simulator.faults.insert(0, Fault(f"GET .*/{path}", times=times, reply=reply))


def test_every_blob_lies_under_its_digest(
    simulator: Proxy, simulated: Repository, layout: Layout
) -> None:
    digest = holds(simulator)
    assert digest == pull_image(simulated, digest, layout, platform="linux/amd64")
    layout.verify(digest)


def test_what_is_there_is_not_asked_for(
    simulator: Proxy, simulated: Repository, layout: Layout
) -> None:
    digest = holds(simulator)
    layout.put_bytes(LAYER)
    pull_image(simulated, digest, layout)
    assert simulator.seen(f"GET .*/{sha256(LAYER)}") == []
    simulator.asked.clear()
    pull_image(simulated, digest, layout)
    assert len(simulator.asked) == 1


def test_documents_of_docker_are_images_too(
    simulator: Proxy, simulated: Repository, layout: Layout
) -> None:
    manifest_type = f"{DOCKER}distribution.manifest.v2+json"
    manifest = json.loads(MANIFEST) | {"mediaType": manifest_type}
    manifest["layers"][0]["mediaType"] = f"{DOCKER}image.rootfs.diff.tar.gzip"
    data = canonical_json(manifest)
    digest = holds(simulator, data, manifest_type)
    listed = described(manifest_type, data, platform={"os": "linux", "architecture": "amd64"})
    index = canonical_json({"schemaVersion": 2, "manifests": [listed]})
    first(
        simulator,
        f"manifests/{sha256(index)}",
        Reply(200, {"Content-Type": f"{DOCKER}distribution.manifest.list.v2+json"}, index),
    )
    assert digest == pull_image(simulated, sha256(index), layout, platform="linux/amd64")
    assert layout.has(sha256(index))


@pytest.mark.parametrize("cut", [0, 1, 70_000, 3_000_000])
def test_a_dropped_download_goes_on_where_it_ended(
    simulator: Proxy, simulated: Repository, layout: Layout, cut: int
) -> None:
    digest = holds(simulator)
    first(simulator, f"blobs/{sha256(LAYER)}", Reply(200, {}, LAYER, cut=cut))
    pull_image(simulated, digest, layout)
    layout.verify(digest)
    _, second = simulator.seen(f"GET .*/{sha256(LAYER)}")
    assert second.headers.get("Range") == (f"bytes={cut}-" if cut else None)


def test_a_registry_without_ranges_sends_all_of_it_again(
    simulator: Proxy, simulated: Repository, layout: Layout
) -> None:
    digest = holds(simulator)
    first(simulator, f"blobs/{sha256(LAYER)}", Reply(200, {}, LAYER))
    first(simulator, f"blobs/{sha256(LAYER)}", Reply(200, {}, LAYER, cut=1000))
    pull_image(simulated, digest, layout)
    layout.verify(digest)


def test_a_download_that_never_ends_is_given_up(
    simulator: Proxy, simulated: Repository, layout: Layout
) -> None:
    digest = holds(simulator)
    first(simulator, f"blobs/{sha256(LAYER)}", Reply(200, {}, LAYER, cut=0), times=100)
    with pytest.raises(RegistryError, match="dropped the connection"):
        pull_image(simulated, digest, layout)
    assert not layout.has(digest)
    assert len(simulator.seen(f"GET .*/{sha256(LAYER)}")) == 4


@pytest.mark.parametrize("status", [429, 500, 503])
def test_an_answer_that_passes_is_asked_for_again(
    simulator: Proxy, simulated: Repository, layout: Layout, status: int
) -> None:
    digest = holds(simulator)
    first(simulator, "", Reply(status, {"Retry-After": "0"}), times=2)
    pull_image(simulated, digest, layout)
    layout.verify(digest)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (LAYER[:-1] + b"!", "the bytes of"),
        (LAYER[:-1], "of 5120000 bytes"),
        (LAYER + b"!", "more than 5120000 bytes"),
        (b"", "0 of 5120000 bytes"),
    ],
    ids=["other bytes", "truncated", "too long", "empty"],
)
def test_refuses_a_blob_with_other_bytes(
    simulator: Proxy, simulated: Repository, layout: Layout, data: bytes, said: str
) -> None:
    digest = holds(simulator)
    first(simulator, f"blobs/{sha256(LAYER)}", Reply(200, {}, data))
    with pytest.raises(UntrustedError, match=said):
        pull_image(simulated, digest, layout)
    assert not layout.has(digest)
    assert not layout.has(sha256(LAYER))
    assert not list(layout.root.rglob("*.tmp"))


def test_refuses_a_manifest_with_other_bytes(
    simulator: Proxy, simulated: Repository, layout: Layout
) -> None:
    digest = holds(simulator)
    first(simulator, f"manifests/{digest}", Reply(200, {"Content-Type": MANIFEST_TYPE}, b"{}"))
    with pytest.raises(UntrustedError, match=digest):
        pull_image(simulated, digest, layout)


def test_refuses_a_wrong_digest_in_a_header(simulator: Proxy, simulated: Repository) -> None:
    headers = {"Content-Type": MANIFEST_TYPE, "Docker-Content-Digest": sha256(b"")}
    first(simulator, "manifests/1", Reply(200, headers, MANIFEST))
    with pytest.raises(UntrustedError, match="calls"):
        simulated.resolve("1")


def test_refuses_a_manifest_of_more_than_4_mib(simulator: Proxy, simulated: Repository) -> None:
    first(simulator, "manifests/1", Reply(200, {}, b" " * ((4 << 20) + 1)))
    with pytest.raises(UntrustedError, match="more than 4194304 bytes"):
        simulated.resolve("1")


@pytest.mark.parametrize("wanted", ["linux/arm64", "windows/amd64"])
def test_refuses_an_image_for_another_platform(
    simulator: Proxy, simulated: Repository, layout: Layout, wanted: str
) -> None:
    digest = holds(simulator)
    with pytest.raises(XtaskError, match="is for linux/amd64, not"):
        pull_image(simulated, digest, layout, platform=wanted)
    assert simulator.seen(f"GET .*/{sha256(LAYER)}") == []


def test_refuses_a_config_that_lists_other_layers(
    simulator: Proxy, simulated: Repository, layout: Layout
) -> None:
    config = canonical_json({"rootfs": {"diff_ids": []}})
    manifest = json.loads(MANIFEST) | {"config": described(CONFIG_TYPE, config)}
    digest = holds(simulator, canonical_json(manifest), **{sha256(config): config})
    with pytest.raises(UntrustedError, match="list different layers"):
        pull_image(simulated, digest, layout)


def test_refuses_an_index_in_an_index_in_an_index(
    simulator: Proxy, simulated: Repository, layout: Layout
) -> None:
    data = MANIFEST
    holds(simulator)
    for _ in range(4):
        listed = described(INDEX_TYPE if b"manifests" in data else MANIFEST_TYPE, data)
        data = canonical_json({"schemaVersion": 2, "manifests": [listed]})
        reply = Reply(200, {"Content-Type": INDEX_TYPE}, data)
        simulator.faults.append(always(f"manifests/{sha256(data)}", reply))
    with pytest.raises(UntrustedError, match="indexes"):
        pull_image(simulated, sha256(data), layout)


@pytest.mark.parametrize("digest", ["latest", "sha256:12", "../../x"])
def test_pulls_by_digest_only(
    simulator: Proxy, simulated: Repository, layout: Layout, digest: str
) -> None:
    with pytest.raises(UntrustedError, match="64 hexadecimal digits"):
        pull_image(simulated, digest, layout)
    assert simulator.asked == []


def test_says_what_is_missing(simulated: Repository, layout: Layout) -> None:
    with pytest.raises(RegistryError, match="404 Not Found") as caught:
        pull_image(simulated, sha256(b""), layout)
    assert caught.value.help == "check the name of the repository and the image"


def test_a_message_of_the_registry_cannot_steer_a_terminal(
    simulator: Proxy, simulated: Repository
) -> None:
    body = json.dumps({"errors": [{"code": "DENIED", "message": "\x1b[2J" + "no" * 500}]}).encode()
    first(simulator, "manifests/1", Reply(403, {}, body))
    with pytest.raises(RegistryError) as caught:
        simulated.resolve("1")
    assert caught.value.message.isprintable()
    assert len(caught.value.message) < 400
    assert caught.value.code == "DENIED"
