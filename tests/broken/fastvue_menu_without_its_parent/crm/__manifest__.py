{
    "name": "Crm",
    "version": "1.0",
    "assets": {"views": ["views/Leads.vue"]},
    "menus": [
        {"name": "CRM", "path": "/crm", "viewName": "Leads"},
        {"name": "Leads", "path": "/crm/leads", "parent": "CRMM", "viewName": "Leads"},
    ],
}
