from fastapi import APIRouter

from modules.m.api import racks

router = APIRouter()
router.include_router(racks.router, prefix="/racks")
