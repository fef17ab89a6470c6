{
    "name": "Crm",
    "version": "1.0",
    "depends": ["mail"],
    "auto_install": ["mail", "sale"],
}
