-- Prices are in hundredths of the currency.
CREATE TABLE commerce_products (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    price INTEGER NOT NULL CHECK (price >= 0),
    stock INTEGER NOT NULL CHECK (stock >= 0),
    article_id INTEGER REFERENCES content_articles (id)
) STRICT;
