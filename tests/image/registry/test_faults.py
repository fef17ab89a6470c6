"""What a push does when the registry, or the network, does not do its part."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from tests.image.registry.conftest import QUICK
from tests.support.registry import Fault, Proxy, Reply
from xtask.digest import sha256
from xtask.errors import UntrustedError, XtaskError
from xtask.image.registry import upload
from xtask.image.registry.client import Repository
from xtask.image.registry.errors import RegistryError
from xtask.image.registry.push import push_image
from xtask.image.registry.reference import Reference

if TYPE_CHECKING:
    from collections.abc import Callable

    from xtask.image.assemble import Image
    from xtask.image.layout import Layout

pytestmark = pytest.mark.requires("registry")

ALWAYS = 10**6
BEGIN, END, TAG = "POST .*/uploads/", "PUT .*/uploads/", "PUT .*/manifests/"


def relative(reply: Reply) -> Reply:
    path = "/" + reply.headers["Location"].split("/", 3)[3]
    return reply._replace(headers={**reply.headers, "Location": path})


def with_header(**headers: str) -> Callable[[Reply], Reply]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda reply: reply._replace(headers={**reply.headers, **named})


def moved(asked: Any) -> Reply:
    return Reply(307, {"Location": asked.path + "&again=1"})


def nothing_is_published(registry: Proxy, repository: Repository, image: Image) -> None:
    assert registry.seen(TAG) == []
    with Repository(Reference(registry.upstream, repository.name)) as straight:
        assert straight.find_manifest("1") is None
        assert not straight.has_manifest(image.digest)


@pytest.mark.parametrize(
    "fault",
    [
        Fault("HEAD", reply=Reply(500)),
        Fault("HEAD", reply=Reply(429, {"Retry-After": "0"})),
        Fault("HEAD", times=3, reply=Reply(503)),
        Fault(BEGIN, reply=Reply(500)),
        Fault(BEGIN, reply=Reply(429, {"Retry-After": "1"})),
        Fault(BEGIN, reply=Reply(429, {"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"})),
        Fault(BEGIN, times=ALWAYS, change=relative),
        Fault(BEGIN, take=0),
        Fault(BEGIN, forget=True),
        Fault(BEGIN, wait=0.3),
        Fault(END, reply=Reply(500)),
        Fault(END, times=3, reply=Reply(502)),
        Fault(END, reply=Reply(408)),
        Fault(END, reply=Reply(404)),
        Fault(END, take=0),
        Fault(END, take=1000),
        Fault(END, forget=True),
        Fault(END, times=ALWAYS, reply=moved, when=lambda _: False),
        Fault(END, reply=moved),
        Fault(END, wait=0.3),
        Fault(TAG, reply=Reply(500)),
        Fault(TAG, take=10),
        Fault(TAG, forget=True),
    ],
    ids=str,
)
def test_a_push_survives(
    registry: Proxy, repository: Repository, layout: Layout, image: Image, fault: Fault
) -> None:
    registry.faults.append(replace(fault))
    push_image(layout, image.digest, repository, tags=["1"])
    with Repository(Reference(registry.upstream, repository.name)) as straight:
        assert straight.resolve("1").digest == image.digest
        for blob in (image.config_digest, *(layer.digest for layer in image.layers)):
            assert sha256(b"".join(straight.blob(blob))) == blob


@pytest.mark.parametrize(
    ("fault", "error", "said"),
    [
        (Fault("HEAD", ALWAYS, reply=Reply(500)), RegistryError, "500 Internal Server Error"),
        (Fault("HEAD", reply=Reply(429, {"Retry-After": "3600"})), RegistryError, "429"),
        (Fault("HEAD", ALWAYS, reply=Reply(403)), RegistryError, "403 Forbidden"),
        (Fault(BEGIN, ALWAYS, reply=Reply(500)), RegistryError, "500"),
        (Fault(BEGIN, reply=Reply(403)), RegistryError, "403"),
        (Fault(BEGIN, reply=Reply(202)), RegistryError, "does not say where"),
        (Fault(BEGIN, reply=Reply(200)), RegistryError, "200"),
        (
            Fault(BEGIN, reply=Reply(202, {"Location": "https://10.0.0.1/x"})),
            UntrustedError,
            "is private",
        ),
        (
            Fault(BEGIN, reply=Reply(202, {"Location": "http://storage.example/x"})),
            UntrustedError,
            "is not encrypted",
        ),
        (Fault(BEGIN, reply=Reply(301, {"Location": "/x"})), RegistryError, "301"),
        (Fault(END, ALWAYS, reply=Reply(500)), RegistryError, "500"),
        (Fault(END, ALWAYS, take=100), RegistryError, "dropped the connection"),
        (Fault(END, ALWAYS, reply=Reply(413)), RegistryError, "413"),
        (Fault(END, ALWAYS, reply=Reply(400)), RegistryError, "400"),
        (
            Fault(END, reply=Reply(201, {"Docker-Content-Digest": sha256(b"")})),
            UntrustedError,
            "calls",
        ),
    ],
    ids=str,
)
def test_a_push_that_fails_publishes_nothing(  # noqa: PLR0913, PLR0917 - what a case is made of
    registry: Proxy,
    repository: Repository,
    layout: Layout,
    image: Image,
    fault: Fault,
    error: type[XtaskError],
    said: str,
) -> None:
    registry.faults.append(replace(fault))
    with pytest.raises(error, match=said):
        push_image(layout, image.digest, repository, tags=["1"])
    nothing_is_published(registry, repository, image)
    registry.faults.clear()
    push_image(layout, image.digest, repository, tags=["1"])
    assert repository.resolve("1").digest == image.digest


@pytest.mark.parametrize("wrong", ["digest", "size"])
def test_a_registry_that_claims_to_have_something_else_for_a_blob_is_sent_it(
    registry: Proxy, repository: Repository, layout: Layout, image: Image, wrong: str
) -> None:
    def claimed(asked: Any) -> Reply:
        digest = asked.path.rpartition("/")[2]
        size = layout.path(digest).stat().st_size + (wrong == "size")
        stated = sha256(b"") if wrong == "digest" else digest
        return Reply(200, {"Docker-Content-Digest": stated, "Content-Length": str(size)})

    registry.faults.append(Fault("HEAD .*/blobs/", ALWAYS, reply=claimed))
    pushed = push_image(layout, image.digest, repository, tags=["1"])
    assert len(pushed.uploaded) == 4
    for blob in pushed.uploaded:
        assert sha256(b"".join(repository.blob(blob.digest))) == blob.digest


def test_a_blob_that_a_registry_has_without_its_size_and_digest_is_not_sent(
    registry: Proxy, repository: Repository, layout: Layout, image: Image
) -> None:
    push_image(layout, image.digest, repository, tags=["1"])
    # A HEAD answer of a body in chunks has no length.
    silent = Reply(200, {"Transfer-Encoding": "chunked"})
    registry.faults.append(Fault("HEAD .*/blobs/", ALWAYS, reply=silent))
    assert len(push_image(layout, image.digest, repository, tags=["2"]).skipped) == 4


@pytest.mark.parametrize("number", range(4))
def test_each_blob_that_is_lost_keeps_the_manifest_back(
    registry: Proxy, repository: Repository, layout: Layout, image: Image, number: int
) -> None:
    blob = [*(layer.digest for layer in image.layers), image.config_digest][number]
    pattern = f"PUT .*digest=sha256%3A{blob[7:]}"
    registry.faults.append(Fault(pattern, ALWAYS, reply=Reply(500)))
    with pytest.raises(RegistryError, match="500"):
        push_image(layout, image.digest, repository, tags=["1"])
    nothing_is_published(registry, repository, image)


def test_a_registry_that_stores_another_manifest_is_not_believed(
    registry: Proxy, repository: Repository, layout: Layout, image: Image
) -> None:
    registry.faults.append(Fault(TAG, change=with_header(Docker_Content_Digest=sha256(b""))))
    with pytest.raises(UntrustedError, match="calls"):
        push_image(layout, image.digest, repository, tags=["1"])


def test_waits_are_told(registry: Proxy, layout: Layout, image: Image) -> None:
    said: list[str] = []
    registry.faults.append(Fault(BEGIN, reply=Reply(429, {"Retry-After": "1"})))
    reference = Reference(registry.address, "told/shop")
    with Repository(reference, retries=replace(QUICK, listener=said.append)) as repository:
        push_image(layout, image.digest, repository, tags=["1"])
    (reason,) = said
    assert "429 Too Many Requests: trying again in 1 s" in reason


def test_nobody_at_the_address_is_said_so() -> None:
    with (
        Repository(Reference("127.0.0.1:1", "shop"), retries=QUICK) as repository,
        pytest.raises(RegistryError, match="cannot be reached") as caught,
    ):
        repository.resolve("1")
    assert "the registry is up" in str(caught.value.help)


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch, make_image: Callable[..., Image]) -> Image:
    """An image with a layer of some chunks."""
    monkeypatch.setattr(upload, "CHUNK", 1 << 20)
    monkeypatch.setattr(upload, "_SMALL_CHUNK", 1 << 19)
    return make_image("x" * 3_500_000)


PATCH = "PATCH "


@pytest.mark.parametrize(
    "fault",
    [
        Fault(PATCH, times=0),
        Fault(PATCH, reply=Reply(500)),
        Fault(PATCH, forget=True),
        Fault(PATCH, take=500_000),
        Fault(PATCH, reply=Reply(416)),
        Fault(PATCH, times=ALWAYS, change=relative),
        Fault(PATCH, change=with_header(Range="0-99")),
        Fault(END, forget=True),
    ],
    ids=str,
)
def test_a_large_blob_goes_in_chunks(
    registry: Proxy, repository: Repository, layout: Layout, large: Image, fault: Fault
) -> None:
    registry.faults.append(replace(fault))
    push_image(layout, large.digest, repository, tags=["1"])
    (layer,) = large.layers
    assert sha256(b"".join(repository.blob(layer.digest))) == layer.digest
    ranges = [one.headers["Content-Range"] for one in registry.seen(PATCH)]
    assert ranges[:2] == ["0-1048575", ranges[1]]
    assert ranges[-1] == f"3145728-{layer.size - 1}"


def test_a_gateway_that_takes_little_gets_smaller_chunks(
    registry: Proxy, repository: Repository, layout: Layout, large: Image
) -> None:
    registry.faults.append(
        Fault(PATCH, ALWAYS, reply=Reply(413), when=lambda it: int(it["Content-Length"]) > 600_000)
    )
    push_image(layout, large.digest, repository, tags=["1"])
    assert repository.has_blob(large.layers[0].digest, large.layers[0].size)


def test_a_registry_may_want_larger_chunks(
    registry: Proxy, repository: Repository, layout: Layout, large: Image
) -> None:
    least = with_header(OCI_Chunk_Min_Length="2000000")
    registry.faults.append(Fault(BEGIN, ALWAYS, change=least))
    push_image(layout, large.digest, repository, tags=["1"])
    ranges = [one.headers["Content-Range"] for one in registry.seen(PATCH)]
    assert ranges == ["0-1999999", f"2000000-{large.layers[0].size - 1}"]
