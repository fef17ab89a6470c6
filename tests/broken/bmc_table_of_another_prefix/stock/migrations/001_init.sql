CREATE TABLE stock_items (id INTEGER);
CREATE TABLE shelves (id INTEGER);
