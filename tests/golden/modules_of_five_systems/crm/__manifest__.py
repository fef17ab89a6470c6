# Customers, as FastVue has them.
{
    "name": "CRM",
    "version": "1.2",
    "summary": "Customers",
    "depends": ["base"],
    "external_dependencies": {"python": ["phonenumbers>=8.13"], "bin": []},
    "api": ["api.routes"],
    "assets": {"views": ["views/Customers.vue", "views/Customer.vue"]},
    "menus": [
        {"name": "CRM", "path": "/crm", "icon": "users", "sequence": 5, "viewName": "Customers"},
        {
            "name": "One",
            "path": "/crm/:id",
            "parent": "CRM",
            "hideInMenu": True,
            "viewName": "Customer",
        },
        {"name": "Contracts", "path": "/crm/contracts", "parent": "Power", "viewName": "Customers"},
        {"name": "Shelves", "path": "/crm/shelves", "parent": "/racks", "viewName": "Customers"},
    ],
    "permissions": ["crm.customer.read"],
    "post_init_hook": "hooks.post_init",
}
