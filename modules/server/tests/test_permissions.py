"""Nobody does more than read without the token, and a wrong token does nothing at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from fastapi import APIRouter
from server.registry import Module, Permission, Router
from server.sdk import require

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastapi.testclient import TestClient

    Serve = Callable[..., TestClient]


def _router() -> APIRouter:
    router = APIRouter()
    for verb in ("read", "write", "undeclared.read"):
        dependencies = [require(f"notes.note.{verb}")]
        router.get(f"/{verb}", dependencies=dependencies)(lambda: "done")
    return router


NOTES = Module(
    name="notes",
    version="1.0.0",
    package="server",
    routers=(Router("/api/notes", _router),),
    permissions=(Permission("notes.note.read", "Read"), Permission("notes.note.write", "Write")),
)


def test_anybody_may_read_and_only_the_token_may_write(serve: Serve, admin: dict[str, str]) -> None:
    client = serve(NOTES)
    assert client.get("/api/notes/read").status_code == 200
    refused = client.get("/api/notes/write")
    assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Bearer")
    assert client.get("/api/notes/write", headers=admin).status_code == 200


@pytest.mark.parametrize(
    "header", ["Bearer wrong", "Bearer ", "Bearer", "", "Basic a-token-for-tests", "Bearer é"]
)
def test_a_wrong_token_may_not_even_read(serve: Serve, header: str) -> None:
    headers = {b"Authorization": header.encode()}
    assert serve(NOTES).get("/api/notes/read", headers=headers).status_code == 401


@pytest.mark.parametrize("header", ["Bearer", "Bearer "])
def test_an_unset_token_matches_nothing(serve: Serve, header: str) -> None:
    client = serve(NOTES, ADMIN_TOKEN="")
    assert client.get("/api/notes/write", headers={"Authorization": header}).status_code == 401


def test_a_permission_that_no_module_declares_is_granted_to_nobody(
    serve: Serve, admin: dict[str, str]
) -> None:
    client = serve(NOTES)
    assert client.get("/api/notes/undeclared.read").status_code == 401
    assert client.get("/api/notes/undeclared.read", headers=admin).status_code == 401


@pytest.mark.parametrize(
    ("permission", "status"),
    [("notes:read", 200), ("notes:write", 401), ("notes:proofread", 401), ("read", 401)],
)
def test_reading_is_what_the_last_word_says(serve: Serve, permission: str, status: int) -> None:
    router = APIRouter()
    router.get("/x", dependencies=[require(permission)])(lambda: "done")
    module = Module(
        "notes",
        "1.0.0",
        "server",
        routers=(Router("/api/notes", lambda: router),),
        permissions=(Permission(permission, ""),),
    )
    assert serve(module).get("/api/notes/x").status_code == status


def test_the_session_says_what_the_token_grants(serve: Serve, admin: dict[str, str]) -> None:
    client = serve(NOTES)
    assert client.get("/api/_session").json()["permissions"] == ["notes.note.read"]
    assert client.get("/api/_session", headers=admin).json() == {
        "signed_in": True,
        "permissions": ["notes.note.read", "notes.note.write"],
    }
