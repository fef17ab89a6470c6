async def attach(data: dict, context) -> dict:
    return {}
