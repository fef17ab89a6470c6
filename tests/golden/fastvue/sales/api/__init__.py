from fastapi import APIRouter

router = APIRouter(prefix="/orders")


@router.get("/{order_id}")
def one(order_id: int):
    return {}
