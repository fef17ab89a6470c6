{
    "name": "Crm",
    "version": "1.0",
    "depends": "mail",
    "application": "yes",
    "menus": [{"name": "CRM", "path": "/crm", "sequence": "5"}],
}
