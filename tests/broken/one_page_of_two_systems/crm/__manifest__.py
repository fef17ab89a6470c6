{
    "name": "Crm",
    "version": "1.0",
    "assets": {"views": ["views/Cards.vue"]},
    "menus": [{"name": "Cards", "path": "/cards", "viewName": "Cards"}],
}
