{
    "name": "Mail",
    "version": "1.0",
    "installable": False,
}
