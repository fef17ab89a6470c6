from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.image.registry.conftest import QUICK
from tests.support.registry import Fault, Proxy, Reply, docker_registry, proxy
from xtask.digest import sha256
from xtask.errors import UntrustedError
from xtask.image.registry.auth import Challenge, parse_challenge
from xtask.image.registry.client import Repository
from xtask.image.registry.errors import RegistryError
from xtask.image.registry.push import push_image
from xtask.image.registry.reference import Reference

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.registry import Asked
    from xtask.image.assemble import Image
    from xtask.image.layout import Layout


def log_in(folder: Path, registry: str, **entry: str) -> None:
    config = {"auths": {registry: entry}}
    (folder / "config.json").write_text(json.dumps(config))


def basic(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ('Basic realm="x"', Challenge("basic", {"realm": "x"})),
        ("basic", Challenge("basic", {})),
        (
            'Bearer realm="https://auth.example/token",service="r",scope="repository:a:pull,push"',
            Challenge(
                "bearer",
                {
                    "realm": "https://auth.example/token",
                    "service": "r",
                    "scope": "repository:a:pull,push",
                },
            ),
        ),
        ('Basic realm="x, Bearer", Bearer realm=y', Challenge("bearer", {"realm": "y"})),
        (r'Basic realm="a \"quoted\" one"', Challenge("basic", {"realm": 'a "quoted" one'})),
    ],
)
def test_a_challenge_is_read(header: str, expected: Challenge) -> None:
    assert parse_challenge(header) == expected


@pytest.mark.parametrize("header", ["", "Negotiate", "Digest realm=x", "BearerX realm=y"])
def test_a_challenge_that_is_not_known_is_none(header: str) -> None:
    assert parse_challenge(header) is None


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with docker_registry(tmp_path_factory.mktemp("guarded"), htpasswd=True) as address:
        yield address


@pytest.mark.requires("registry")
def test_name_and_password_open_it(
    guarded: str, no_credentials: Path, layout: Layout, image: Image
) -> None:
    log_in(no_credentials, guarded, auth=basic("anna:sesame"))
    with Repository(Reference(guarded, "shop"), retries=QUICK) as repository:
        push_image(layout, image.digest, repository, tags=["1"])
        assert repository.resolve("1").digest == image.digest


@pytest.mark.requires("registry")
def test_nobody_is_told_to_log_in(guarded: str) -> None:
    with (
        Repository(Reference(guarded, "shop"), retries=QUICK) as repository,
        pytest.raises(RegistryError, match="wants a name and a password") as caught,
    ):
        repository.resolve("1")
    assert caught.value.help == f"log in with: docker login {guarded}"


@pytest.mark.requires("registry")
def test_a_wrong_password_is_refused_once(guarded: str, no_credentials: Path) -> None:
    log_in(no_credentials, guarded, auth=basic("anna:wrong"))
    with (
        Repository(Reference(guarded, "shop"), retries=QUICK) as repository,
        pytest.raises(RegistryError, match="401"),
    ):
        repository.resolve("1")


class Tokens:
    """A service that gives tokens, and what it was asked."""

    def __init__(self, service: Proxy, registry: Proxy) -> None:
        self.service, self.registry = service, registry
        self.valid: set[str] = set()
        self.answer: Any = None
        registry.faults.append(Fault(".*", 10**6, reply=self.challenge, when=self.refuses))
        service.faults.append(Fault(".*", 10**6, reply=self.give))

    @property
    def scopes(self) -> list[list[str]]:
        return [parse_qs(urlsplit(one.path).query)["scope"] for one in self.service.asked]

    def refuses(self, headers: Any) -> bool:
        return headers.get("Authorization", "").removeprefix("Bearer ") not in self.valid

    def challenge(self, _asked: Asked) -> Reply:
        realm = f"http://{self.service.address}/token?account=x"
        return Reply(401, {"WWW-Authenticate": f'Bearer realm="{realm}",service="us"'})

    def give(self, _asked: Asked) -> Reply:
        if self.answer is not None:
            return Reply(200, {}, json.dumps(self.answer).encode())
        token = f"token{len(self.service.asked)}"
        self.valid.add(token)
        return Reply(200, {}, json.dumps({"token": token}).encode())


@pytest.fixture
def service() -> Iterator[Proxy]:
    with proxy() as state:
        yield state


@pytest.fixture
def tokens(service: Proxy, simulator: Proxy) -> Tokens:
    found = Tokens(service, simulator)
    simulator.faults.append(Fault("HEAD .*", 10**6, reply=Reply(200)))
    return found


@pytest.mark.requires("registry")
def test_a_push_asks_for_a_token_to_push_and_one_to_mount(
    registry: Proxy, service: Proxy, repository: Repository, layout: Layout, image: Image
) -> None:
    tokens = Tokens(service, registry)
    push_image(layout, image.digest, repository, tags=["1"], mount_from=["team/base"])
    name = repository.name
    assert sorted(tokens.scopes) == [
        [f"repository:{name}:pull"],
        [f"repository:{name}:pull,push"],
        [f"repository:{name}:pull,push", "repository:team/base:pull"],
    ]


def test_a_token_is_asked_for_once(tokens: Tokens, simulated: Repository) -> None:
    for number in range(3):
        simulated.has_blob(sha256(bytes(number)), number)
    assert tokens.scopes == [["repository:team/shop:pull"]]
    (asked,) = tokens.service.asked
    query = parse_qs(urlsplit(asked.path).query)
    assert (query["account"], query["service"]) == (["x"], ["us"])
    assert "Authorization" not in asked.headers


def test_the_service_learns_who_we_are_and_the_registry_does_not(
    tokens: Tokens, simulator: Proxy, simulated: Repository, no_credentials: Path
) -> None:
    log_in(no_credentials, simulator.address, auth=basic("anna:sesame"))
    simulated.has_blob(sha256(b""), 0)
    (asked,) = tokens.service.asked
    assert asked.headers["Authorization"] == f"Basic {basic('anna:sesame')}"
    assert [one for one in simulator.asked if "Basic" in one.headers.get("Authorization", "")] == []


def test_an_identity_token_is_sent_in_a_form(
    tokens: Tokens, simulator: Proxy, simulated: Repository, no_credentials: Path
) -> None:
    log_in(no_credentials, simulator.address, identitytoken="refresh")
    assert simulated.has_blob(sha256(b""), 0)
    (asked,) = tokens.service.asked
    assert asked.method == "POST"
    assert asked.taken > 0
    assert "refresh" not in asked.path


def test_an_expired_token_is_replaced(tokens: Tokens, simulated: Repository) -> None:
    simulated.has_blob(sha256(b""), 0)
    tokens.valid.clear()
    assert simulated.has_blob(sha256(b""), 0)
    assert len(tokens.service.asked) == 2


def test_a_service_that_is_busy_is_asked_again(tokens: Tokens, simulated: Repository) -> None:
    tokens.service.faults.insert(0, Fault(".*", 2, reply=Reply(503)))
    assert simulated.has_blob(sha256(b""), 0)


def test_a_token_that_is_refused_is_not_tried_for_ever(
    tokens: Tokens, simulated: Repository
) -> None:
    tokens.answer = {"access_token": "worthless"}
    with pytest.raises(RegistryError, match="401"):
        simulated.has_blob(sha256(b""), 0)
    assert len(tokens.service.asked) == 1


@pytest.mark.parametrize(
    "answer",
    [{}, [], "x", {"token": ""}, {"token": 1}, {"token": "a\r\nHost: x"}, {"token": "é"}],
    ids=str,
)
def test_refuses_what_is_no_token(tokens: Tokens, simulated: Repository, answer: Any) -> None:
    tokens.answer = answer
    with pytest.raises(RegistryError, match=r"gives no token|does not answer with JSON"):
        simulated.has_blob(sha256(b""), 0)


@pytest.mark.parametrize(
    "realm", ["http://auth.example/token", "https://10.0.0.1/token", "ftp://x"]
)
def test_refuses_a_service_that_a_registry_has_no_business_with(
    simulator: Proxy, simulated: Repository, no_credentials: Path, realm: str
) -> None:
    log_in(no_credentials, simulator.address, auth=basic("anna:sesame"))
    headers = {"WWW-Authenticate": f'Bearer realm="{realm}"'}
    simulator.faults.append(Fault(".*", reply=Reply(401, headers)))
    with pytest.raises(UntrustedError, match="the registry leads to"):
        simulated.has_blob(sha256(b""), 0)


@pytest.mark.usefixtures("tokens")
def test_a_redirect_does_not_take_credentials_along(
    simulator: Proxy, simulated: Repository
) -> None:
    with proxy() as storage:
        location = f"http://{storage.address}/bucket?signature=1"
        simulator.faults.insert(1, Fault("GET .*/blobs/", reply=Reply(307, {"Location": location})))
        storage.faults.append(Fault("GET /bucket", reply=Reply(200, {}, b"bytes")))
        assert b"".join(simulated.blob(sha256(b"bytes"))) == b"bytes"
        (asked,) = storage.asked
    assert "Authorization" not in asked.headers
    assert asked.path == "/bucket?signature=1"
    assert "Bearer" in simulator.asked[-1].headers["Authorization"]


def test_a_storage_that_asks_who_we_are_is_not_told(
    simulator: Proxy, simulated: Repository, no_credentials: Path
) -> None:
    log_in(no_credentials, simulator.address, auth=basic("anna:sesame"))
    with proxy() as storage:
        storage.faults.append(
            Fault("GET", 10, reply=Reply(401, {"WWW-Authenticate": "Basic realm=x"}))
        )
        location = {"Location": f"http://{storage.address}/bucket"}
        simulator.faults.append(Fault("GET .*/blobs/", reply=Reply(302, location)))
        with pytest.raises(RegistryError, match="401"):
            list(simulated.blob(sha256(b"bytes")))
        (asked,) = storage.asked
    assert "Authorization" not in asked.headers


def test_a_redirect_without_end_is_given_up(simulator: Proxy, simulated: Repository) -> None:
    simulator.faults.append(Fault("GET", 100, reply=Reply(302, {"Location": "/v2/again"})))
    with pytest.raises(RegistryError, match="without end"):
        simulated.resolve("1")
    assert len(simulator.asked) == 5
