from fastapi import APIRouter

router = APIRouter()

@router.get("/{invoice_id}")
async def page(invoice_id: int): return f"{{invoice_id}}"
