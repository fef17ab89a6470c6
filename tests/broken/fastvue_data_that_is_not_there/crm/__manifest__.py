{
    "name": "Crm",
    "version": "1.0",
    "data": ["data/stages.json", "data/stage.json"],
}
