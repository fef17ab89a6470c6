# Customers
{
    "name": "CRM",
    "version": open("VERSION").read(),
}
