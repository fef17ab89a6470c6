from fastapi import APIRouter

routes = APIRouter()


@routes.get("/health")
def health():
    return {}
