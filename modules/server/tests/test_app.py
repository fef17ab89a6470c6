"""The host mounts what the registry says, and nothing that it does not say."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from fastapi import APIRouter, Request
from server.app import create_app
from server.guard import CONTENT_SECURITY_POLICY
from server.registry import App, Link, Module, Page, Registry, Router

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastapi.testclient import TestClient
    from starlette.types import Receive, Scope, Send

    Serve = Callable[..., TestClient]

HTML = {"Accept": "text/html"}
HOST = Module(
    name="server",
    version="1.0.0",
    package="server",
    pages=(Page("server.home", "/", "home.js", "Home"),),
    assets="static",
)


def _notes_router() -> APIRouter:
    router = APIRouter()

    @router.get("/echo")
    def echo() -> str:
        return "notes"

    @router.post("/size")
    async def size(request: Request) -> int:
        return len(await request.body())

    return router


async def _plain_app(scope: Scope, _receive: Receive, send: Send) -> None:
    body = f"{scope['root_path']}|{scope['path']}".encode()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})


NOTES = Module(
    name="notes",
    version="2.1.0",
    package="server",
    routers=(Router("/api/notes", _notes_router),),
    apps=(App("/plain", lambda: _plain_app),),
    pages=(
        Page("notes.all", "/notes", "notes.js", "All <notes>"),
        Page("notes.one", "/notes/:id", "note.js", "Note", ("notes.note.read",)),
    ),
    navigation=(
        Link("Later", "notes.all", 20),
        Link("<Notes>", "notes.all", 10, "notes.note.read"),
        Link("Secret", "notes.all", 30, "notes.note.write"),
    ),
)


def test_a_router_answers_below_its_prefix(serve: Serve) -> None:
    assert serve(HOST, NOTES).get("/api/notes/echo").json() == "notes"


@pytest.mark.parametrize("path", ["/plain", "/plain/"])
def test_a_mounted_application_answers_its_bare_prefix_without_a_redirect(
    serve: Serve, path: str
) -> None:
    response = serve(NOTES).get(path)
    assert (response.status_code, response.text) == (200, "/plain|/plain/")


def test_a_mounted_application_does_not_take_paths_that_only_start_alike(serve: Serve) -> None:
    assert serve(NOTES).get("/plainer").status_code == 404


@pytest.mark.parametrize("path", ["/", "/notes", "/notes/7"])
def test_every_page_path_is_the_shell_with_a_strict_policy(serve: Serve, path: str) -> None:
    response = serve(HOST, NOTES).get(path)
    assert response.status_code == 200
    assert response.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
    assert response.headers["x-content-type-options"] == "nosniff"
    assert "<script>" not in response.text
    assert " style=" not in response.text


def test_foreign_text_in_the_shell_is_text(serve: Serve) -> None:
    html = serve(HOST, NOTES).get("/notes").text
    assert "<title>All &lt;notes&gt; · Test shop</title>" in html
    assert '<a href="/notes">&lt;Notes&gt;</a>' in html


def test_a_link_that_needs_more_than_reading_is_hidden_until_sign_in(serve: Serve) -> None:
    html = serve(HOST, NOTES).get("/").text
    assert '<li data-permission="notes.note.read"><a' in html
    assert '<li data-permission="notes.note.write" hidden><a' in html


def test_an_unknown_address_is_the_shell_for_a_browser_and_json_for_a_program(serve: Serve) -> None:
    client = serve(HOST, NOTES)
    browser, program = client.get("/nowhere", headers=HTML), client.get("/nowhere")
    assert (browser.status_code, program.status_code) == (404, 404)
    assert "<title>Not found" in browser.text
    assert program.json() == {"detail": "Not Found"}


def test_without_pages_there_is_no_shell(serve: Serve) -> None:
    client = serve(replace(HOST, pages=(), assets=None))
    assert client.get("/", headers=HTML).status_code == 404
    assert client.get("/readyz").status_code == 200


def test_the_route_map_is_sorted_and_names_the_asset_of_the_module(serve: Serve) -> None:
    document = serve(NOTES, HOST).get("/api/_routes").json()
    assert [route["path"] for route in document["routes"]] == ["/", "/notes", "/notes/:id"]
    assert document["routes"][2] == {
        "name": "notes.one",
        "path": "/notes/:id",
        "module": "notes",
        "title": "Note",
        "entry": "/assets/notes/note.js",
        "params": ["id"],
        "permissions": ["notes.note.read"],
    }
    assert [item["label"] for item in document["navigation"]] == ["<Notes>", "Later", "Secret"]
    assert document["navigation"][0]["path"] == "/notes"


def test_the_release_is_what_the_target_said(serve: Serve) -> None:
    client = serve(HOST, XTASK_RELEASE_ID="rel_1", XTASK_IMAGE_DIGEST="sha256:aa")
    assert client.get("/api/_release").json() == {
        "app": "test-shop",
        "release_id": "rel_1",
        "manifest_hash": None,
        "image_digest": "sha256:aa",
    }


def test_the_modules_of_the_release_are_listed_in_dependency_order(serve: Serve) -> None:
    listed = serve(HOST, NOTES).get("/api/_modules").json()
    assert [(item["name"], item["version"]) for item in listed] == [
        ("server", "1.0.0"),
        ("notes", "2.1.0"),
    ]


def test_a_body_over_one_mebibyte_is_refused(serve: Serve) -> None:
    client = serve(NOTES)
    limit = 1 << 20
    assert client.post("/api/notes/size", content=b"x" * limit).json() == limit
    assert client.post("/api/notes/size", content=b"x" * (limit + 1)).status_code == 413


def _says(word: str) -> APIRouter:
    router = APIRouter()
    router.get("/word")(lambda: word)
    return router


def test_a_module_answers_before_the_one_that_it_overrides(serve: Serve) -> None:
    base, better, best = (
        Module(name, "1.0.0", "server", overrides=over, routers=(Router("/api", load),))
        for name, over, load in (
            ("base", (), lambda: _says("base")),
            ("better", ("base",), lambda: _says("better")),
            ("best", ("base", "better"), lambda: _says("best")),
        )
    )
    assert serve(base, better, best).get("/api/word").json() == "best"
    assert serve(base, better).get("/api/word").json() == "better"


def test_two_modules_that_override_each_other_are_both_there(serve: Serve) -> None:
    left = Module("left", "1.0.0", "server", overrides=("right",))
    right = Module("right", "1.0.0", "server", overrides=("left",))
    names = [item["name"] for item in serve(left, right).get("/api/_modules").json()]
    assert names == ["left", "right"]


def test_a_module_that_cannot_be_imported_stops_the_start() -> None:
    def load() -> None:
        raise ImportError("no such router")

    broken = Module("broken", "1.0.0", "server", routers=(Router("/api/broken", load),))
    with pytest.raises(ImportError, match="no such router"):
        create_app(Registry("test-shop", (broken,)), environ={})
