"""Reproducible OCI images without a container daemon: the same content is the same digest."""
