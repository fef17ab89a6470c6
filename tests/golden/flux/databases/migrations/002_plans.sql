ALTER TABLE "620600_databases_hosts" ADD COLUMN plan;
