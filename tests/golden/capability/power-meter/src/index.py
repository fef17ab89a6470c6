from fastapi import APIRouter

router = APIRouter()

@router.get("/live/{rack_id:int}")
async def live(rack_id: int): ...

async def collect(context): ...
