# Customers
{
    "name": "CRM",
    "version": "1.0.0",
}

# For the shop
FEATURED = {
    "price": 9.9,
}
