from fastapi import APIRouter

router = APIRouter(prefix="/power")


@router.get("")
async def draw(rack_id: str) -> dict[str, str]:
    return {"rack": rack_id}
