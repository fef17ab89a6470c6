{
    "name": "Old_Crm",
    "version": "1.0",
}
