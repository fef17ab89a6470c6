{
    "name": "Crm",
    "version": "1.0",
}
