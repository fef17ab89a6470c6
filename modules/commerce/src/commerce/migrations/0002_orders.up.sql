CREATE TABLE commerce_orders (
    id INTEGER PRIMARY KEY,
    placed_at TEXT NOT NULL,
    currency TEXT NOT NULL,
    total INTEGER NOT NULL
) STRICT;

-- The price is the one at which the order was placed, whatever the product costs later.
CREATE TABLE commerce_order_lines (
    order_id INTEGER NOT NULL REFERENCES commerce_orders (id),
    product_id INTEGER NOT NULL REFERENCES commerce_products (id),
    quantity INTEGER NOT NULL CHECK (quantity > 0),
    price INTEGER NOT NULL,
    PRIMARY KEY (order_id, product_id)
) STRICT;
