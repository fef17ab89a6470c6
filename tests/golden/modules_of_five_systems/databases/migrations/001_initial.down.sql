DROP TABLE databases_hosts;
