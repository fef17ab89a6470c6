DROP TABLE content_articles;
