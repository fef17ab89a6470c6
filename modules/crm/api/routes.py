"""The HTTP interface of leads, below `/api/v1/crm`."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Path
from module_sdk import AsyncSession, get_db, require_permission

from ..models import Lead, Stage
from ..schemas import NewLead, Progress
from ..services import leads

router = APIRouter(tags=["CRM"])

_MAX_ID = 2**63 - 1  # what SQLite can hold

Db = Annotated[AsyncSession, Depends(get_db)]
LeadId = Annotated[int, Path(ge=1, le=_MAX_ID)]


@router.get("/stages", dependencies=[Depends(require_permission("crm.stage.read"))])
async def list_stages(db: Db) -> list[Stage]:
    """Return the stages in their order."""
    return await leads.list_stages(db)


@router.get("/leads", dependencies=[Depends(require_permission("crm.lead.view"))])
async def list_leads(db: Db, stage: str | None = None) -> list[Lead]:
    """Return the leads, or those at one stage, by name."""
    return await leads.list_leads(db, stage)


@router.get("/leads/{lead_id}", dependencies=[Depends(require_permission("crm.lead.view"))])
async def read_lead(db: Db, lead_id: LeadId) -> Lead:
    """Return one lead, or 404."""
    return _found(await leads.find(db, lead_id))


@router.post(
    "/leads",
    status_code=HTTPStatus.CREATED,
    dependencies=[Depends(require_permission("crm.lead.edit"))],
)
async def create_lead(db: Db, new: NewLead) -> Lead:
    """Store a lead at the first stage."""
    return await leads.create(db, name=new.name, email=new.email)


@router.put("/leads/{lead_id}/stage", dependencies=[Depends(require_permission("crm.lead.edit"))])
async def move_lead(db: Db, lead_id: LeadId, progress: Progress) -> Lead:
    """Move a lead to a stage; answer 409 when it is at a final one, 422 when there is none."""
    lead = _found(await leads.find(db, lead_id))
    stages = {stage.name: stage for stage in await leads.list_stages(db)}
    if progress.stage not in stages:
        raise HTTPException(HTTPStatus.UNPROCESSABLE_ENTITY, f"no stage {progress.stage}")
    if stages[lead.stage].is_final:
        raise HTTPException(HTTPStatus.CONFLICT, f"{lead.name} is {lead.stage}")
    return await leads.move(db, lead_id, progress.stage)


def _found(lead: Lead | None) -> Lead:
    if lead is None:
        raise HTTPException(HTTPStatus.NOT_FOUND, "no such lead")
    return lead
