{
    "name": "CRM",
    "version": "1.0.0",
    "api": ["leads", "reports"],
}
