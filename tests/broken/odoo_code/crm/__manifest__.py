{
    "name": "Crm",
    "version": "1.0",
    "depends": ["base"],
}
