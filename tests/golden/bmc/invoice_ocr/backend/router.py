from fastapi import APIRouter

router = APIRouter()

@router.get("/health")
async def health(): ...

@router.post("/scan")
async def scan(): ...
