from fastapi import APIRouter

router = APIRouter()


@router.get("/leads")
async def leads_of_this_month() -> list: ...
