from module_sdk import ModuleRouter

router = ModuleRouter("databases")


@router.get("/{database_id}")
async def one(database_id: int): ...
