{
    "name": "Crm",
    "version": "1.0",
    "sumamry": "Customers",
}
