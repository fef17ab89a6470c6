"""The HTTP interface of pages."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, HTTPException, Path
from pydantic import BaseModel, ConfigDict, StringConstraints
from server.sdk import Context, require

from pages import entries
from pages.entries import Entry

router = APIRouter()

Slug = Annotated[str, Path(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=100)]
Title = StringConstraints(strip_whitespace=True, min_length=1, max_length=200)
Text = StringConstraints(strip_whitespace=True, min_length=1, max_length=100_000)


class Draft(BaseModel):
    """What a page says."""

    model_config = ConfigDict(extra="forbid")

    title: Annotated[str, Title]
    body: Annotated[str, Text]


@router.get("/health")
def health(context: Context) -> dict[str, str]:
    """Answer when the module's table can be read."""
    context.connection.execute("SELECT 1 FROM pages_entries LIMIT 1")
    return {"status": "ok"}


@router.get("/entries", dependencies=[require("pages.page.read")])
def list_pages(context: Context) -> list[Entry]:
    """Return every page, by title."""
    return entries.list_entries(context.connection)


@router.get("/entries/{slug}", dependencies=[require("pages.page.read")])
def read_page(context: Context, slug: Slug) -> Entry:
    """Return one page, or 404."""
    entry = entries.find(context.connection, slug)
    if entry is None:
        raise HTTPException(HTTPStatus.NOT_FOUND, "no such page")
    return entry


@router.put("/entries/{slug}", dependencies=[require("pages.page.write")])
def save_page(context: Context, slug: Slug, draft: Draft) -> Entry:
    """Store a page, in place of the one that had the slug."""
    with context.transaction():
        return entries.save(
            context.connection, slug, title=draft.title, body=draft.body, now=context.now
        )


@router.delete(
    "/entries/{slug}",
    status_code=HTTPStatus.NO_CONTENT,
    dependencies=[require("pages.page.write")],
)
def delete_page(context: Context, slug: Slug) -> None:
    """Remove a page, or answer 404."""
    with context.transaction():
        if not entries.delete(context.connection, slug):
            raise HTTPException(HTTPStatus.NOT_FOUND, "no such page")
