{
    "name": "Crm",
    "version": "1.0",
    "external_dependencies": {"bin": ["wkhtmltopdf"]},
}
