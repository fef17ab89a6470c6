-- One row: what the module remembers about orders that other modules take.
CREATE TABLE pages_order_count (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    orders INTEGER NOT NULL
) STRICT;

INSERT INTO pages_order_count (id, orders) VALUES (1, 0);
