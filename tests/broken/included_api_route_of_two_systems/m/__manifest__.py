{
    "name": "M",
    "version": "1.0",
    "api": ["api"],
}
