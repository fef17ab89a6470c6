DROP TABLE pages_order_count;
