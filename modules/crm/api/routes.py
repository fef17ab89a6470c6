"""The HTTP interface of leads, below `/api/v1/crm`."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated

from app.api.deps import get_db, require_permission
from fastapi import APIRouter, Depends, HTTPException, Path
from sqlalchemy.orm import Session

from ..models import Lead, Stage
from ..schemas import LeadRead, NewLead, Progress, StageRead
from ..services import leads

router = APIRouter(tags=["CRM"])

_MAX_ID = 2**63 - 1  # what SQLite can hold

Db = Annotated[Session, Depends(get_db)]
LeadId = Annotated[int, Path(ge=1, le=_MAX_ID)]

may_see_stages = Depends(require_permission("crm.stage.read"))
may_view = Depends(require_permission("crm.lead.view"))
may_edit = Depends(require_permission("crm.lead.edit"))


@router.get("/stages", response_model=list[StageRead], dependencies=[may_see_stages])
def list_stages(db: Db) -> Sequence[Stage]:
    """Return the stages in their order."""
    return leads.list_stages(db)


@router.get("/leads", response_model=list[LeadRead], dependencies=[may_view])
def list_leads(db: Db, stage: str | None = None) -> Sequence[Lead]:
    """Return the leads, or those at one stage, by name."""
    return leads.list_leads(db, stage)


@router.get("/leads/{lead_id}", response_model=LeadRead, dependencies=[may_view])
def read_lead(db: Db, lead_id: LeadId) -> Lead:
    """Return one lead, or 404."""
    return _found(leads.find(db, lead_id))


@router.post(
    "/leads", response_model=LeadRead, status_code=HTTPStatus.CREATED, dependencies=[may_edit]
)
def create_lead(db: Db, new: NewLead) -> Lead:
    """Store a lead at the first stage."""
    return leads.create(db, name=new.name, email=new.email)


@router.put("/leads/{lead_id}/stage", response_model=LeadRead, dependencies=[may_edit])
def move_lead(db: Db, lead_id: LeadId, progress: Progress) -> Lead:
    """Move a lead to a stage; answer 409 when it is at a final one, 422 when there is none."""
    lead = _found(leads.find(db, lead_id))
    stages = {stage.name: stage for stage in leads.list_stages(db)}
    if progress.stage not in stages:
        raise HTTPException(HTTPStatus.UNPROCESSABLE_ENTITY, f"no stage {progress.stage}")
    if stages[lead.stage].is_final:
        raise HTTPException(HTTPStatus.CONFLICT, f"{lead.name} is {lead.stage}")
    return leads.move(db, lead, progress.stage)


def _found(lead: Lead | None) -> Lead:
    if lead is None:
        raise HTTPException(HTTPStatus.NOT_FOUND, "no such lead")
    return lead
