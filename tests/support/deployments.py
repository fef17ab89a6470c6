"""Deployments as values, for tests in which nothing runs."""

from __future__ import annotations

from xtask.release.deployment import Configuration, Deployment, Request, Site

SITE = Site("shop", "prod", 8082)


def deployment(
    release_id: str = "rel_20261130_153841_ad0cad",
    *,
    site: Site = SITE,
    generation: int = 3,
    configuration: Configuration | None = None,
    secrets: dict[str, bytes] | None = None,
) -> Deployment:
    return Deployment(
        site=site,
        release_id=release_id,
        generation=generation,
        manifest_hash="sha256:" + "0" * 64,
        image_digest="sha256:" + "1" * 64,
        config_digest="sha256:" + "2" * 64,
        image_reference="registry.example:5000/shop/storefront:1",
        archive=lambda _known: iter(()),
        configuration=configuration or Configuration(),
        secrets=secrets or {},
        requests=(Request("/shop"),),
    )


FULL = deployment(
    configuration=Configuration(
        variables={"PRICE": "$5", "DEBUG": "no"},
        secrets=("TOKEN", "DSN"),
        replicas=2,
        placement=("zone=a", "disk!=slow"),
    ),
    secrets={"TOKEN": b"open sesame", "DSN": b"\x00\xff"},
)
