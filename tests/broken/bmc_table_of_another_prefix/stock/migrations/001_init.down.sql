DROP TABLE shelves;
DROP TABLE stock_items;
