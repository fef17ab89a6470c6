"""The HTTP interface of articles."""

from datetime import UTC
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, HTTPException, Path, Query
from pydantic import AwareDatetime, BaseModel, ConfigDict, StringConstraints
from server.sdk import Context, require

from content import articles
from content.articles import Article

router = APIRouter()

_MAX_ID = 2**63 - 1  # what SQLite can hold

ArticleId = Annotated[int, Path(ge=1, le=_MAX_ID)]
Text = StringConstraints(strip_whitespace=True, min_length=1, max_length=100_000)
Title = StringConstraints(strip_whitespace=True, min_length=1, max_length=200)


class Draft(BaseModel):
    """A new article; without `publish_at` it is published at once."""

    model_config = ConfigDict(extra="forbid")

    title: Annotated[str, Title]
    body: Annotated[str, Text]
    publish_at: AwareDatetime | None = None


class ArticleList(BaseModel):
    """One answer of the list; `next` is the `before` of the following one."""

    items: list[Article]
    next: int | None


@router.get("/health")
def health(context: Context) -> dict[str, str]:
    """Answer when the module's table can be read."""
    context.connection.execute("SELECT 1 FROM content_articles LIMIT 1")
    return {"status": "ok"}


@router.get("/articles", dependencies=[require("content.article.read")])
def list_articles(
    context: Context, before: Annotated[int | None, Query(ge=1, le=_MAX_ID)] = None
) -> ArticleList:
    """Return published articles, newest first, `page_size` of them."""
    size = context.setting("content", "page_size", int)
    found = articles.list_published(context.connection, before=before, limit=size + 1)
    items = found[:size]
    return ArticleList(items=items, next=items[-1].id if len(found) > size else None)


@router.get("/articles/{article_id}", dependencies=[require("content.article.read")])
def read_article(context: Context, article_id: ArticleId) -> Article:
    """Return one published article, or 404."""
    article = articles.find(context.connection, article_id)
    if article is None:
        raise HTTPException(HTTPStatus.NOT_FOUND, "no such article")
    return article


@router.post(
    "/articles",
    status_code=HTTPStatus.CREATED,
    dependencies=[require("content.article.write")],
)
def create_article(context: Context, draft: Draft) -> Article:
    """Store an article, published at once or by the job when its moment has come."""
    due_at = draft.publish_at.astimezone(UTC) if draft.publish_at else context.now
    with context.transaction():
        return articles.create(
            context.connection, title=draft.title, body=draft.body, due_at=due_at, now=context.now
        )
