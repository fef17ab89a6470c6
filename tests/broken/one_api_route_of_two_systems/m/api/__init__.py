from fastapi import APIRouter

router = APIRouter(prefix="/racks")


@router.get("/{number}")
def one(number: int):
    return {}
