"""Image registries: what an image is called there, pulling it, pushing it.

OCI Distribution Specification 1.1, without a container daemon. Every byte that a registry sends is
somebody else's: sizes are limited, and nothing is used before its digest was checked.
"""
