DROP TABLE pages_entries;
