CREATE TABLE databases_hosts (id INTEGER);
