{
    "name": "Crm",
    "version": "1.0",
    "assets": {"views": ["views/Leads.vue"]},
    "menus": [
        {"name": "CRM", "path": "/crm", "viewName": "Leads"},
        {"name": "Dashboard", "path": "/crm", "parent": "CRM", "viewName": "Leads"},
    ],
}
