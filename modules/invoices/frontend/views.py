"""The page of invoices in HTML, at `/invoices`."""

from html import escape
from pathlib import Path
from string import Template

from app.core.database import get_db_connection
from app.modules.invoices.backend import ledger
from app.modules.invoices.backend.clock import Now
from fastapi import APIRouter
from fastapi.responses import HTMLResponse

router = APIRouter()

_PAGE = Path(__file__).parents[1] / "templates" / "index.html"


@router.get("", response_class=HTMLResponse, include_in_schema=False)
def index(now: Now) -> str:
    """Show how many invoices there are, and whether more can be issued."""
    with get_db_connection() as connection:
        number = ledger.count(connection)
    values = {
        "count": "1 invoice" if number == 1 else f"{number} invoices",
        "mode": _mode(),
        "moment": now.strftime("%Y-%m-%d %H:%M UTC"),
    }
    page = Template(_PAGE.read_text(encoding="utf-8"))
    return page.substitute({name: escape(value) for name, value in values.items()})


def _mode() -> str:
    if ledger.is_read_only():
        return "Read-only: nothing is issued."
    if ledger.is_dry_run():
        return "Dry run: invoices are drawn up and not stored."
    return "Invoices are issued."
