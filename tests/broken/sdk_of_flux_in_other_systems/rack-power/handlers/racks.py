def handler(context):
    from module_sdk import text

    return text("SELECT 1")
