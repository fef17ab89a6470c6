ALTER TABLE "620600_databases_hosts" DROP COLUMN plan;
