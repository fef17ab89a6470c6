from fastapi import APIRouter

router = APIRouter()


@router.get("/{rack_id}")
def rack(rack_id: str):
    return {}
