CREATE TABLE meters (id);
