"""Kubernetes: the objects of an environment."""
