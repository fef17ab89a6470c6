from fastapi import APIRouter

router = APIRouter()


@router.get("/leads")
async def leads() -> list: ...
