{
    "name": "Mail",
    "version": "1.0",
}
