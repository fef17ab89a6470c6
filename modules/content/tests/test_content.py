"""Articles: anybody reads what is published, only the token writes, the job publishes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from content.api import router
from content.jobs import publish_due
from server.registry import Migration, Module, Permission, Router, Setting

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastapi.testclient import TestClient

    Serve = Callable[..., TestClient]

NOON = datetime(2026, 5, 1, 12, 0, 0, tzinfo=UTC)
ARTICLES = "/api/content/articles"
CONTENT = Module(
    name="content",
    version="1.2.0",
    package="content",
    routers=(Router("/api/content", lambda: router),),
    permissions=(
        Permission("content.article.read", "Read"),
        Permission("content.article.write", "Write"),
    ),
    settings=(Setting("page_size", "integer", 2),),
    migrations=(Migration("migrations/0001_articles.up.sql", "migrations/0001_articles.down.sql"),),
)


@pytest.fixture
def client(serve: Serve) -> TestClient:
    return _at(serve(CONTENT), NOON)


def _at(client: TestClient, moment: datetime) -> TestClient:
    state: Any = client.app
    state.state.runtime = replace(state.state.runtime, clock=lambda: moment)
    return client


def _write(client: TestClient, admin: dict[str, str], title: str, **fields: str) -> dict[str, Any]:
    draft = {"title": title, "body": "text"} | fields
    response = client.post(ARTICLES, json=draft, headers=admin)
    assert response.status_code == 201
    article: dict[str, Any] = response.json()
    return article


def test_what_is_written_without_a_moment_is_published_at_once(
    client: TestClient, admin: dict[str, str]
) -> None:
    article = _write(client, admin, "  Hello  ")
    assert article["title"] == "Hello"
    assert article["published_at"] == "2026-05-01T12:00:00+00:00"
    assert client.get(f"{ARTICLES}/{article['id']}").json() == article


def test_nobody_writes_without_the_token(client: TestClient) -> None:
    response = client.post(ARTICLES, json={"title": "t", "body": "b"})
    assert response.status_code == 401
    assert client.get(ARTICLES).json() == {"items": [], "next": None}


def test_the_list_goes_on_where_it_stopped(client: TestClient, admin: dict[str, str]) -> None:
    for number in range(5):
        _write(_at(client, NOON + timedelta(seconds=number)), admin, f"n{number}")
    titles: list[list[str]] = []
    url = ARTICLES
    while url:
        answer = client.get(url).json()
        titles.append([item["title"] for item in answer["items"]])
        url = f"{ARTICLES}?before={answer['next']}" if answer["next"] else ""
    assert titles == [["n4", "n3"], ["n2", "n1"], ["n0"]]


def test_an_article_is_invisible_until_the_job_finds_it_due(
    client: TestClient, admin: dict[str, str]
) -> None:
    article = _write(client, admin, "Soon", publish_at="2026-05-01T15:00:00+02:00")
    address = f"{ARTICLES}/{article['id']}"
    assert article["due_at"] == "2026-05-01T13:00:00+00:00"
    for moment, status in ((NOON + timedelta(minutes=59), 404), (NOON + timedelta(hours=1), 200)):
        state: Any = _at(client, moment).app
        with state.state.runtime.work() as context:
            publish_due(context)
        assert client.get(address).status_code == status


@pytest.mark.parametrize(
    "draft",
    [
        {"title": "t"},
        {"title": "   ", "body": "b"},
        {"title": "t" * 201, "body": "b"},
        {"title": "t", "body": "b" * 100_001},
        {"title": "t", "body": "b", "publish_at": "2026-05-01T15:00:00"},
        {"title": "t", "body": "b", "id": 1},
        [],
    ],
)
def test_refuses_a_malformed_draft(
    client: TestClient, admin: dict[str, str], draft: object
) -> None:
    assert client.post(ARTICLES, json=draft, headers=admin).status_code == 422


@pytest.mark.parametrize("article_id", ["0", "-1", "9223372036854775808", "1%20OR%201=1"])
def test_refuses_a_malformed_number(client: TestClient, article_id: str) -> None:
    assert client.get(f"{ARTICLES}/{article_id}").status_code == 422


def test_sql_in_a_title_is_text(client: TestClient, admin: dict[str, str]) -> None:
    title = "'); DROP TABLE content_articles; --"
    _write(client, admin, title)
    assert client.get(ARTICLES).json()["items"][0]["title"] == title


def test_health_reads_the_table(client: TestClient) -> None:
    assert client.get("/api/content/health").json() == {"status": "ok"}
