"""Kubernetes' OpenAPI schema, as the models of the official client have it: unknown keys fail."""

from __future__ import annotations

from typing import Any

_MODELS = {
    "v1": "V1", "apps/v1": "V1", "networking.k8s.io/v1": "V1", "policy/v1": "V1",
    "discovery.k8s.io/v1": "V1",
}  # fmt: skip


def check(manifest: dict[str, Any]) -> None:
    """Raise ValueError, with the place, where an object is not what its kind has to be."""
    from kubernetes import client

    model = getattr(client, _MODELS[manifest["apiVersion"]] + manifest["kind"])
    model.model_validate(manifest)
