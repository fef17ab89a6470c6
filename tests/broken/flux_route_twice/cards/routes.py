from module_sdk import ModuleRouter

router = ModuleRouter("cards")


@router.get("/{card_id}")
async def one(card_id: int) -> dict: ...


@router.put("/{card_id}")
async def change(card_id: int) -> dict: ...


@router.get("/{number}")
async def find(number: str) -> dict: ...
