DROP TABLE commerce_products;
