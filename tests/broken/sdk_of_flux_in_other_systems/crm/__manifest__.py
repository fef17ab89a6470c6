{
    "name": "Crm",
    "version": "1.0",
    "api": ["routes"],
}
