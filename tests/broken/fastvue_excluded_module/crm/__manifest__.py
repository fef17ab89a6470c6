{
    "name": "Crm",
    "version": "1.0",
    "excludes": ["old_crm"],
}
