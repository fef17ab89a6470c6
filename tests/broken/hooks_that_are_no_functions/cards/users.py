async def forget(data, context):
    return {}
