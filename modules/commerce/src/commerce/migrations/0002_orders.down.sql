DROP TABLE commerce_order_lines;
DROP TABLE commerce_orders;
