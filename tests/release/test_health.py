"""Asking over loopback: what counts as healthy, and how long is waited."""

from __future__ import annotations

import http.server
import json
import socket
import threading
from typing import TYPE_CHECKING

import pytest

from xtask.errors import TargetError
from xtask.release import docker, health
from xtask.release.deployment import Deployment, Observed, Request, Site

if TYPE_CHECKING:
    from collections.abc import Iterator

Answers = dict[str, tuple[int, str]]


class Program(http.server.ThreadingHTTPServer):
    """Something that listens on loopback and answers each path in its own way."""

    def __init__(self, answers: Answers) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers = answers

    @property
    def port(self) -> int:
        return self.server_port


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Program

    def do_GET(self) -> None:
        status, text = self.server.answers.get(self.path, (404, "no such page"))
        self.send_response(status)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_arguments: object) -> None:
        pass


@pytest.fixture
def program() -> Iterator[Program]:
    identity = {"app": "shop", "release_id": "rel_1", "image_digest": "sha256:1"}
    with Program({"/readyz": (200, "ok"), "/api/_release": (200, json.dumps(identity))}) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def deployment(release_id: str = "rel_1", image_digest: str = "sha256:1") -> Deployment:
    return Deployment(
        site=Site("shop", "prod", 1),
        release_id=release_id,
        generation=1,
        manifest_hash="sha256:0",
        image_digest=image_digest,
        config_digest="sha256:2",
        image_reference="localhost/shop:1",
        archive=lambda _known: iter(()),
    )


class FakeTime:
    """Time that passes only when somebody sleeps."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.clock = health.Clock(now=lambda: self.seconds, sleep=self._sleep)

    def _sleep(self, seconds: float) -> None:
        self.seconds += seconds


def test_observes_the_release_that_answers(program: Program) -> None:
    expected = Observed("rel_1", "sha256:1", healthy=True, detail="ready")
    assert expected == health.observe(health.at(program.port), "shop")


def test_observes_nothing_where_nothing_listens() -> None:
    with socket.socket() as unheard:
        unheard.bind(("127.0.0.1", 0))
        assert health.observe(health.at(unheard.getsockname()[1]), "shop") is None


def test_release_that_is_not_ready_keeps_its_identity(program: Program) -> None:
    program.answers["/readyz"] = (503, "migrating")
    expected = Observed("rel_1", "sha256:1", healthy=False, detail="/readyz: HTTP 503 migrating")
    assert expected == health.observe(health.at(program.port), "shop")


@pytest.mark.parametrize(
    ("answer", "detail"),
    [
        ((200, '{"app": "other"}'), "the port belongs to another app, 'other'"),
        ((200, "<html>"), "/api/_release: HTTP 200 <html>"),
        ((200, "[1]"), "/api/_release: HTTP 200 [1]"),
        ((404, ""), "/api/_release: HTTP 404"),
    ],
)
def test_foreign_program_has_no_identity_and_is_not_healthy(
    program: Program, answer: tuple[int, str], detail: str
) -> None:
    program.answers["/api/_release"] = answer
    assert Observed("", "", healthy=False, detail=detail) == health.observe(
        health.at(program.port), "shop"
    )


def test_release_that_says_what_was_deployed_is_not_misidentified(program: Program) -> None:
    assert health.misidentified(health.at(program.port), deployment()) is None


@pytest.mark.parametrize(
    "wanted", [deployment(release_id="rel_2"), deployment(image_digest="sha256:2")]
)
def test_other_release_or_other_image_is_misidentified(
    program: Program, wanted: Deployment
) -> None:
    said = health.misidentified(health.at(program.port), wanted)
    assert said is not None
    assert "found release rel_1, image sha256:1" in said


@pytest.mark.parametrize(
    ("request_", "wrong"),
    [
        (Request("/page", contains="Shop"), None),
        (Request("/gone", status=404), None),
        (Request("/page", contains="Crash"), "/page: its answer does not contain 'Crash'"),
        (Request("/page", status=302), "/page: HTTP 200 <h1>Shop</h1>"),
        (Request("/broken"), "/broken: HTTP 500 no database"),
    ],
)
def test_release_is_well_while_each_request_is_answered_as_it_should_be(
    program: Program, request_: Request, wrong: str | None
) -> None:
    program.answers |= {"/page": (200, "<h1>Shop</h1>"), "/broken": (500, "no database")}
    ask = health.at(program.port)
    assert wrong == health.unanswered(ask, (Request("/readyz"), request_))
    seen = health.observe(ask, "shop", (request_,))
    assert seen is not None
    assert (seen.healthy, seen.detail) == (wrong is None, wrong or "ready")


def test_proxy_of_the_environment_never_sees_loopback(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert health.Answer(200, "ok") == health.at(program.port)("/readyz")


def test_endless_answer_is_cut(program: Program) -> None:
    program.answers["/long"] = (200, "x" * (1 << 20))
    assert len(health.at(program.port)("/long").text) == 1 << 16


def test_waits_until_nothing_is_missing() -> None:
    time, missing = FakeTime(), iter(["starting", "migrating", None])
    health.wait_until(lambda: next(missing), within=10, clock=time.clock, interval=1)
    assert time.seconds == 2.0


def test_waiting_ends_at_the_limit_with_the_last_reason() -> None:
    time = FakeTime()
    with pytest.raises(TargetError, match="not ready after 3 s: migrating"):
        health.wait_until(lambda: "migrating", within=3, clock=time.clock, interval=1)
    assert time.seconds == 3.0


def test_an_engine_that_cannot_be_asked_takes_away_no_other_fact(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nonexistent/docker.sock")
    seen = docker.observe(Site("shop", "prod", program.port))
    assert seen == Observed("rel_1", "sha256:1", healthy=True, detail="ready")
    assert (seen.label, seen.task_digest) == (None, None)
