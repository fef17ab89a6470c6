from fastapi import APIRouter

from .power import router as power

router = APIRouter()
router.include_router(power, prefix="/{rack_id}")
