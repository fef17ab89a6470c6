from module_sdk import ModuleRouter
from .services import users

router = ModuleRouter("databases")


@router.get("/{database_id}")
async def one(database_id: int): ...


@router.post("/")
async def add(): ...
