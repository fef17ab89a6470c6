DROP TABLE databases_instances;
