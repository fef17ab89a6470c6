-- tables
CREATE TABLE "620600_databases_hosts" (id);
