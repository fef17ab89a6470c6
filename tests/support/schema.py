"""Kubernetes' OpenAPI schema, as the models of the official client have it: unknown keys fail."""

from __future__ import annotations

from typing import Any


def check(manifest: dict[str, Any]) -> None:
    """Raise ValueError, with the place, where an object is not what its kind has to be."""
    from kubernetes import client

    assert manifest["apiVersion"].rpartition("/")[2] == "v1"
    getattr(client, f"V1{manifest['kind']}").model_validate(manifest)
