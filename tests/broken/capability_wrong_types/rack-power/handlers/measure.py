async def handler(request, context):
    return {}
