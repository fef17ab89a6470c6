"""Leads and stages, in the database of the product."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..models import Lead, Stage


def list_stages(db: Session) -> Sequence[Stage]:
    """Return the stages in their order."""
    return db.scalars(select(Stage).order_by(Stage.sequence, Stage.name)).all()


def add_stages(db: Session, stages: Sequence[dict[str, Any]]) -> None:
    """Store stages; those whose names are there already stay as they are."""
    known = {stage.name for stage in list_stages(db)}
    db.add_all(Stage(**stage) for stage in stages if stage["name"] not in known)
    db.commit()


def list_leads(db: Session, stage: str | None = None) -> Sequence[Lead]:
    """Return the leads, or those at one stage, by name."""
    statement = select(Lead).order_by(Lead.name, Lead.id)
    return db.scalars(statement.where(Lead.stage == stage) if stage else statement).all()


def find(db: Session, lead_id: int) -> Lead | None:
    """Return the lead with this number."""
    return db.get(Lead, lead_id)


def create(db: Session, *, name: str, email: str) -> Lead:
    """Store a lead at the first stage."""
    first, *_ = list_stages(db)
    lead = Lead(name=name, email=email, stage=first.name)
    db.add(lead)
    db.commit()
    return lead


def move(db: Session, lead: Lead, stage: str) -> Lead:
    """Put a lead at a stage, which must be there."""
    lead.stage = stage
    db.commit()
    return lead
