{
    "name": "CRM",
    "author": "Somebody",
    "version": "1.0.0",
    "author": "Somebody else",
}
