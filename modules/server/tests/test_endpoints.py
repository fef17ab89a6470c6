"""Endpoints: one handler for a method and a path, called with the unit of work."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from fastapi import HTTPException
from pydantic import BaseModel
from server.endpoints import with_context
from server.registry import Endpoint, Module, Permission, Setting

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastapi.testclient import TestClient
    from server.sdk import Context

    Serve = Callable[..., TestClient]


class Machine(BaseModel):
    """What a request says of a machine."""

    name: str


def _by_position(ctx):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202 - as people write them
    return ctx.setting("vmware", "host", str)


async def _by_name(id: int, context: Context, size: int = 3) -> dict[str, object]:  # noqa: A002
    return {"id": id, "size": size, "host": context.setting("vmware", "host", str)}


def _create(context: Context, machine: Machine) -> str:
    return f"{machine.name} on {context.setting('vmware', 'host', str)}"


async def _fail(context: Context) -> None:
    context.connection.execute("SELECT 1")
    raise HTTPException(409, "taken")


def _read_request(request, context):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202, ARG001
    return request.headers["x-word"]


def _only_parameter(id):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202, A002
    return id


PREFIX = "/api/v1/modules/vmware"


def _endpoint(
    method: str, path: str, handler: Callable[..., object], *permissions: str
) -> Endpoint:
    return Endpoint(method, f"{PREFIX}{path}", lambda: handler, permissions)


MODULE = Module(
    name="vmware",
    version="1.0.0",
    package="server",
    dialect="capability",
    permissions=(Permission("vmware:read", ""), Permission("vmware:write", "")),
    settings=(Setting("host", "string", "vcenter.local"),),
    endpoints=(
        _endpoint("GET", "/host", _by_position, "vmware:read"),
        _endpoint("GET", "/vms/{id}", _by_name),
        _endpoint("POST", "/vms", _create, "vmware:read", "vmware:write"),
        _endpoint("DELETE", "/vms/{id}", _only_parameter),
        _endpoint("GET", "/fail", _fail),
        _endpoint("GET", "/word", _read_request),
    ),
)


@pytest.fixture
def client(serve: Serve) -> TestClient:
    return serve(MODULE)


def test_the_first_parameter_without_an_annotation_is_the_unit_of_work(client: TestClient) -> None:
    assert client.get(f"{PREFIX}/host").json() == "vcenter.local"


def test_other_parameters_come_from_the_path_and_the_query(client: TestClient) -> None:
    answer = client.get(f"{PREFIX}/vms/7?size=5").json()
    assert answer == {"id": 7, "size": 5, "host": "vcenter.local"}
    assert client.get(f"{PREFIX}/vms/seven").status_code == 422


def test_a_parameter_of_the_path_is_not_the_unit_of_work(client: TestClient) -> None:
    assert client.delete(f"{PREFIX}/vms/7").json() == "7"


def test_a_request_without_an_annotation_is_the_request(client: TestClient) -> None:
    assert client.get(f"{PREFIX}/word", headers={"X-Word": "hello"}).json() == "hello"


def test_every_permission_of_an_endpoint_is_needed(
    client: TestClient, admin: dict[str, str]
) -> None:
    body = {"name": "db-1"}
    refused = client.post(f"{PREFIX}/vms", json=body)
    assert (refused.status_code, refused.json()) == (401, {"detail": "needs vmware:write"})
    assert client.post(f"{PREFIX}/vms", json=body, headers=admin).json() == "db-1 on vcenter.local"


def test_only_the_method_of_the_endpoint_is_answered(client: TestClient) -> None:
    assert client.put(f"{PREFIX}/host").status_code == 405


def test_a_refusal_of_the_handler_is_the_answer(client: TestClient) -> None:
    response = client.get(f"{PREFIX}/fail")
    assert (response.status_code, response.json()) == (409, {"detail": "taken"})


def test_endpoints_are_in_the_description_of_the_api(client: TestClient) -> None:
    paths = client.get("/api/_openapi.json").json()["paths"]
    assert [item["name"] for item in paths[f"{PREFIX}/vms/{{id}}"]["get"]["parameters"]] == [
        "id",
        "size",
    ]


def test_a_handler_is_not_changed_by_being_mounted() -> None:
    before = _by_name.__annotations__.copy()
    with_context(_by_name, "/vms/{id}")
    assert _by_name.__annotations__ == before
