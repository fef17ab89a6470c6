{
    "name": "Crm",
    "version": "1.0",
    "access_rights": [{"group": "sales", "read": True}],
    "inherits": {"base.partner": "partner"},
}
