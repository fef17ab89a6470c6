{
    "name": "Crm",
    "version": "1.0",
    "assets": {"views": ["views/Leads.vue"]},
    "menus": [
        {"name": "CRM", "path": "/crm", "viewName": "Leads", "permission": "crm.lead.veiw"},
    ],
    "permissions": ["crm.lead.view"],
}
