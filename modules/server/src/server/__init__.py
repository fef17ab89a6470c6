"""The host module: one FastAPI application made of every module in the generated registry."""
