"""The HTTP interface of invoices, below `/api/v1/invoices`."""

from http import HTTPStatus
from typing import Annotated

from app.core.auth import require_permission
from app.core.database import get_db_connection
from fastapi import APIRouter, Depends, HTTPException
from pydantic import BaseModel, Field

from . import ledger
from .clock import Now
from .ledger import Invoice

router = APIRouter()

_MAX_ID = 2**63 - 1  # what SQLite can hold
_RECENT = 100


class Wish(BaseModel):
    """Which order an invoice is wanted for."""

    order_id: Annotated[int, Field(ge=1, le=_MAX_ID)]


class Issued(BaseModel):
    """An invoice, and whether it was only drawn up."""

    invoice: Invoice
    dry_run: bool


@router.get("/health")
def health() -> dict[str, str | bool]:
    """Answer when the module's table can be read, with the switches."""
    with get_db_connection() as connection:
        ledger.count(connection)
    return {"status": "ok", "read_only": ledger.is_read_only(), "dry_run": ledger.is_dry_run()}


@router.get("", dependencies=[Depends(require_permission("invoices:list"))])
def list_invoices() -> list[Invoice]:
    """Return the latest invoices, newest first."""
    with get_db_connection() as connection:
        return ledger.list_recent(connection, _RECENT)


@router.post("", dependencies=[Depends(require_permission("invoices:issue"))])
def issue_invoice(wish: Wish, now: Now) -> Issued:
    """Issue the invoice of an order, once; a dry run only shows it."""
    if ledger.is_read_only():
        reason = "invoices is read-only until MODULES__INVOICES__READ_ONLY is false"
        raise HTTPException(HTTPStatus.FORBIDDEN, reason)
    with get_db_connection() as connection:
        connection.execute("BEGIN IMMEDIATE")  # nobody else takes the next number meanwhile
        if ledger.is_issued(connection, wish.order_id):
            raise HTTPException(HTTPStatus.CONFLICT, f"order {wish.order_id} has an invoice")
        invoice = ledger.draw_up(connection, wish.order_id, now)
        if invoice is None:
            raise HTTPException(HTTPStatus.UNPROCESSABLE_ENTITY, f"no order {wish.order_id}")
        if not ledger.is_dry_run():
            ledger.store(connection, invoice)
    return Issued(invoice=invoice, dry_run=ledger.is_dry_run())
