"""Uploads to a registry that keeps what it got of a request that was dropped."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from tests.support.registry import Asked, Fault, Proxy, Reply
from xtask.digest import sha256
from xtask.image.registry import upload
from xtask.image.registry.documents import Descriptor
from xtask.image.registry.errors import RegistryError
from xtask.image.registry.upload import upload_blob

if TYPE_CHECKING:
    from pathlib import Path

    from xtask.image.registry.client import Repository

DATA = hashlib.shake_256(b"seed").digest(3_000_000)
BLOB = Descriptor("application/octet-stream", sha256(DATA), len(DATA))
CHUNK = 1_000_000


class Store:
    """The state of one upload, by the count of bytes alone."""

    def __init__(self, simulator: Proxy) -> None:
        self.held, self.begun, self.whole = 0, 0, False
        for method, reply in {
            "HEAD": lambda _: (
                Reply(200, {"Content-Length": str(len(DATA))}) if self.whole else Reply(404)
            ),
            "POST": self.begin,
            "GET": lambda _: Reply(204, self.state()),
            "PATCH": self.take,
            "PUT": self.end,
        }.items():
            simulator.faults.append(Fault(method, 10**6, reply=reply))

    def state(self) -> dict[str, str]:
        return {"Location": f"/upload?part={self.held}", "Range": f"0-{max(0, self.held - 1)}"}

    def begin(self, _asked: Asked) -> Reply:
        self.held, self.begun = 0, self.begun + 1
        return Reply(202, self.state())

    def take(self, asked: Asked) -> Reply:
        start = int(asked.headers["Content-Range"].partition("-")[0])
        if start != self.held or asked.path != f"/upload?part={self.held}":
            return Reply(416)
        self.held += asked.taken
        return Reply(202, self.state())

    def end(self, asked: Asked) -> Reply:
        self.held += asked.taken
        self.whole = self.held == len(DATA)
        expected = f"digest=sha256%3A{BLOB.digest[7:]}"
        return Reply(201 if self.whole and asked.path.endswith(expected) else 400)


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(upload, "CHUNK", CHUNK)
    monkeypatch.setattr(upload, "_PROGRESS", 100_000)
    (tmp_path / "blob").write_bytes(DATA)
    return tmp_path / "blob"


def cut(simulator: Proxy, store: Store, after: int, times: int = 1) -> None:
    """Drop the next chunk after so many bytes, which the registry keeps."""

    def keep(reply: Reply) -> Reply:
        store.held += after
        return reply

    fault = Fault("PATCH", times, take=after)
    fault.when = lambda _headers: keep(Reply(0)).status == 0
    simulator.faults.insert(0, fault)


def ranges(simulator: Proxy) -> list[str]:
    return [one.headers["Content-Range"] for one in simulator.seen("PATCH")]


def test_only_the_rest_is_sent_after_a_drop(
    simulator: Proxy, simulated: Repository, path: Path
) -> None:
    store = Store(simulator)
    cut(simulator, store, 400_000)
    done: list[int] = []
    upload_blob(simulated, BLOB, path, done.append)
    assert ranges(simulator) == [
        "0-999999",
        "400000-1399999",
        "1400000-2399999",
        "2400000-2999999",
    ]
    assert store.begun == 1
    assert done[-1] == len(DATA)


def test_progress_is_not_counted_as_failing_again(
    simulator: Proxy, simulated: Repository, path: Path
) -> None:
    store = Store(simulator)
    cut(simulator, store, 300_000, times=7)
    upload_blob(simulated, BLOB, path, lambda _: None)
    assert store.begun == 1
    assert len(ranges(simulator)) == 8


def test_an_upload_that_is_forgotten_begins_again(
    simulator: Proxy, simulated: Repository, path: Path
) -> None:
    store = Store(simulator)
    simulator.faults.insert(0, Fault("GET", reply=Reply(404)))
    cut(simulator, store, 400_000)
    upload_blob(simulated, BLOB, path, lambda _: None)
    assert store.begun == 2


@pytest.mark.parametrize("claimed", ["0-2999999999", "5-9", "x"])
def test_a_registry_that_claims_nonsense_gets_everything_again(
    simulator: Proxy, simulated: Repository, path: Path, claimed: str
) -> None:
    store = Store(simulator)
    simulator.faults.insert(0, Fault("GET", reply=Reply(204, {"Range": claimed})))
    cut(simulator, store, 0)
    upload_blob(simulated, BLOB, path, lambda _: None)
    assert store.whole


def test_an_upload_that_gets_nowhere_is_given_up(
    simulator: Proxy, simulated: Repository, path: Path
) -> None:
    store = Store(simulator)
    cut(simulator, store, 0, times=100)
    with pytest.raises(RegistryError, match="dropped the connection"):
        upload_blob(simulated, BLOB, path, lambda _: None)
    assert len(ranges(simulator)) == 4
