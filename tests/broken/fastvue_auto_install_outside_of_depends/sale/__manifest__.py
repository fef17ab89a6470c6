{
    "name": "Sale",
    "version": "1.0",
}
