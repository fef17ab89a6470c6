from fastapi import APIRouter

router = APIRouter()


@router.get("/{number}/power")
async def power(number: int) -> dict[str, int]:
    return {"number": number}
