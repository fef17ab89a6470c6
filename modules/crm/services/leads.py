"""Leads and stages, in the database of the product."""

from collections.abc import Sequence
from typing import Any

from module_sdk import AsyncSession, text

from ..models import Lead, Stage


async def list_stages(db: AsyncSession) -> list[Stage]:
    """Return the stages in their order."""
    statement = "SELECT name, sequence, is_final FROM crm_stages ORDER BY sequence, name"
    rows = await db.execute(text(statement))
    return [Stage(row.name, row.sequence, bool(row.is_final)) for row in rows]


async def add_stages(db: AsyncSession, stages: Sequence[dict[str, Any]]) -> None:
    """Store stages; those whose names are there already stay as they are."""
    statement = (
        "INSERT INTO crm_stages (name, sequence, is_final) VALUES (:name, :sequence, :is_final)"
        " ON CONFLICT (name) DO NOTHING"
    )
    await db.execute(text(statement), stages)


async def list_leads(db: AsyncSession, stage: str | None = None) -> list[Lead]:
    """Return the leads, or those at one stage, by name."""
    statement = (
        "SELECT id, name, email, stage FROM crm_leads"
        " WHERE :stage IS NULL OR stage = :stage ORDER BY name, id"
    )
    return [Lead(*row) for row in await db.execute(text(statement), {"stage": stage})]


async def find(db: AsyncSession, lead_id: int) -> Lead | None:
    """Return the lead with this number."""
    statement = "SELECT id, name, email, stage FROM crm_leads WHERE id = :id"
    row = (await db.execute(text(statement), {"id": lead_id})).first()
    return Lead(*row) if row else None


async def create(db: AsyncSession, *, name: str, email: str) -> Lead:
    """Store a lead at the first stage."""
    statement = (
        "INSERT INTO crm_leads (name, email, stage) VALUES (:name, :email,"
        " (SELECT name FROM crm_stages ORDER BY sequence, name LIMIT 1))"
        " RETURNING id, name, email, stage"
    )
    return Lead(*(await db.execute(text(statement), {"name": name, "email": email})).one())


async def move(db: AsyncSession, lead_id: int, stage: str) -> Lead:
    """Put a lead at a stage; both must be there."""
    statement = (
        "UPDATE crm_leads SET stage = :stage WHERE id = :id RETURNING id, name, email, stage"
    )
    return Lead(*(await db.execute(text(statement), {"id": lead_id, "stage": stage})).one())
