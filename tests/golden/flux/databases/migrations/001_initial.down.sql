DROP TABLE "620600_databases_hosts";
