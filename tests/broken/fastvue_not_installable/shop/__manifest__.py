{
    "name": "Shop",
    "version": "1.0",
    "installable": False,
}
