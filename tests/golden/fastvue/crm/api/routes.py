from fastapi import APIRouter
router = APIRouter(prefix="/leads")

@router.get("/")
async def leads(): ...

@router.post("/{lead_id}")
async def change(lead_id: int): ...
