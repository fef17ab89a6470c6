{
    "name": "Crm",
    "version": "1.0",
    "assets": {
        "stores": ["static/stores/*.ts"],
        "views": ["views/Leads.vue"],
    },
}
