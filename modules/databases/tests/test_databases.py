"""Databases: the product's own is there from the start, and a lost machine loses its databases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastapi.testclient import TestClient
    from server.registry import Module

INSTANCES = "/api/modules/databases/instances"
OWN = {
    "id": 1,
    "name": "app",
    "engine": "sqlite",
    "host": "localhost",
    "state": "registered",
    "address": "sqlite:///app.sqlite3",
}
SHOP = {"name": "shop", "engine": "postgresql", "host": "db-1.example"}


@pytest.fixture
def client(
    serve: Callable[..., TestClient], composed: Callable[..., tuple[Module, ...]]
) -> TestClient:
    return serve(*composed("databases"))


def _register(client: TestClient, admin: dict[str, str], **fields: str) -> Any:  # noqa: ANN401
    response = client.post(INSTANCES, json=SHOP | fields, headers=admin)
    assert response.status_code == 201
    return response.json()


def test_the_database_of_the_product_is_registered_once(
    serve: Callable[..., TestClient], composed: Callable[..., tuple[Module, ...]]
) -> None:
    for _ in range(2):
        assert serve(*composed("databases")).get(INSTANCES).json() == [OWN]


def test_a_registered_database_says_how_to_reach_it(
    client: TestClient, admin: dict[str, str]
) -> None:
    shop = _register(client, admin)
    assert shop["address"] == "postgresql://db-1.example:5432/shop"
    assert client.get(f"{INSTANCES}/{shop['id']}").json() == shop
    assert [each["name"] for each in client.get(INSTANCES).json()] == ["app", "shop"]


def test_two_databases_cannot_have_one_name(client: TestClient, admin: dict[str, str]) -> None:
    shop = _register(client, admin)
    again = client.post(INSTANCES, json=SHOP | {"engine": "mariadb"}, headers=admin)
    assert (again.status_code, again.json()) == (409, {"detail": "there is a database called shop"})
    assert client.get(INSTANCES).json() == [OWN, shop]


def test_a_removed_database_is_gone(client: TestClient, admin: dict[str, str]) -> None:
    address = f"{INSTANCES}/{_register(client, admin)['id']}"
    assert [client.delete(address, headers=admin).status_code for _ in range(2)] == [204, 404]
    assert client.get(address).status_code == 404


def test_nobody_changes_anything_without_the_token(client: TestClient) -> None:
    assert client.post(INSTANCES, json=SHOP).status_code == 401
    assert client.delete(f"{INSTANCES}/1").status_code == 401
    assert client.get(INSTANCES).json() == [OWN]


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "Shop"},
        {"name": "s" * 64},
        {"engine": "oracle"},
        {"host": "a b"},
        {"host": "x/../y"},
        {"host": "-"},
    ],
    ids=str,
)
def test_refuses_a_malformed_database(
    client: TestClient, admin: dict[str, str], wrong: dict[str, str]
) -> None:
    assert client.post(INSTANCES, json=SHOP | wrong, headers=admin).status_code == 422


def test_a_virtual_machine_that_is_deleted_loses_its_databases(
    serve: Callable[..., TestClient],
    composed: Callable[..., tuple[Module, ...]],
    admin: dict[str, str],
) -> None:
    client = serve(*composed("databases", "vmware-vcenter"))
    for host in ("vm-1", "vm-2"):
        order = {"name": host}
        client.post("/api/v1/modules/vmware-vcenter/vms", json=order, headers=admin)
        _register(client, admin, name=f"on_{host[-1]}", host=host)
    gone = client.delete("/api/v1/modules/vmware-vcenter/vms/vm-1", headers=admin)
    assert gone.json() == {"deleted": "vm-1"}
    states = {each["name"]: each["state"] for each in client.get(INSTANCES).json()}
    assert states == {"app": "registered", "on_1": "lost", "on_2": "registered"}
