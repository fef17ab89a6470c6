async def on_enable(data: dict, context) -> dict:
    return {}
