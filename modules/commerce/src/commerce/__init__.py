"""Commerce: products with a stock, and orders that never oversell it."""
