# Orders
{
    "name": "Sales",
    "version": "16.0.1.2.3",
    "summary": "Orders",
    "api": ["api"],
    "menus": [
        {"name": "Sales", "path": "/sales", "sequence": 1, "viewName": "Orders"},
    ],
    "assets": {"views": ["views/Orders.vue"]},
}
