from fastapi import APIRouter

try:
    import module_sdk
except ImportError:
    module_sdk = None

router = APIRouter()


@router.get("/health")
def health():
    return {"status": "ok"}
