"""Leads: they begin at the first stage, move on, and stay at a final one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastapi.testclient import TestClient
    from httpx2 import Response
    from server.registry import Module

    Serve = Callable[..., TestClient]
    Composed = Callable[..., tuple[Module, ...]]

STAGES, LEADS = "/api/v1/crm/stages", "/api/v1/crm/leads"
ADA = {"name": "Ada", "email": "ada@engine.example"}


@pytest.fixture
def client(serve: Serve, composed: Composed) -> TestClient:
    return serve(*composed("crm"))


def _create(client: TestClient, admin: dict[str, str], **fields: str) -> Any:  # noqa: ANN401
    response = client.post(LEADS, json=ADA | fields, headers=admin)
    assert response.status_code == 201
    return response.json()


def _move(client: TestClient, admin: dict[str, str], lead: int, stage: str) -> Response:
    return client.put(f"{LEADS}/{lead}/stage", json={"stage": stage}, headers=admin)


def test_the_stages_of_the_data_file_are_there_once(serve: Serve, composed: Composed) -> None:
    for _ in range(2):
        stages = serve(*composed("crm")).get(STAGES).json()
        assert [stage["name"] for stage in stages] == ["new", "qualified", "won", "lost"]
        assert [stage["is_final"] for stage in stages] == [False, False, True, True]


def test_a_lead_begins_at_the_first_stage(client: TestClient, admin: dict[str, str]) -> None:
    lead = _create(client, admin, name=" Ada ")
    assert lead == {"id": 1, **ADA, "stage": "new"}
    assert client.get(f"{LEADS}/1", headers=admin).json() == lead
    assert client.get(f"{LEADS}/2", headers=admin).status_code == 404


def test_a_lead_moves_until_its_stage_is_final(client: TestClient, admin: dict[str, str]) -> None:
    lead = _create(client, admin)["id"]
    codes = [_move(client, admin, lead, stage).status_code for stage in ("qualified", "won", "new")]
    assert codes == [200, 200, 409]
    assert client.get(f"{LEADS}/{lead}", headers=admin).json()["stage"] == "won"


def test_nobody_moves_to_a_stage_that_is_not_there(
    client: TestClient, admin: dict[str, str]
) -> None:
    lead = _create(client, admin)["id"]
    refused = _move(client, admin, lead, "married")
    assert (refused.status_code, refused.json()) == (422, {"detail": "no stage married"})
    assert _move(client, admin, lead + 1, "won").status_code == 404


def test_leads_are_found_by_stage(client: TestClient, admin: dict[str, str]) -> None:
    for name in ("Grace", "Ada"):
        _create(client, admin, name=name)
    _move(client, admin, 1, "qualified")

    def names(query: str) -> list[str]:
        return [lead["name"] for lead in client.get(LEADS + query, headers=admin).json()]

    found = [names(query) for query in ("", "?stage=new", "?stage=qualified", "?stage=lost")]
    assert found == [["Ada", "Grace"], ["Ada"], ["Grace"], []]


def test_nobody_sees_leads_without_the_token(client: TestClient, admin: dict[str, str]) -> None:
    _create(client, admin)
    codes = [client.get(path).status_code for path in (LEADS, f"{LEADS}/1")]
    assert codes == [401, 401]
    assert client.post(LEADS, json=ADA).status_code == 401
    assert _move(client, {}, 1, "won").status_code == 401


@pytest.mark.parametrize(
    "wrong", [{"name": " "}, {"email": "ada"}, {"email": "a@b c"}, {"stage": "won"}], ids=str
)
def test_refuses_a_malformed_lead(
    client: TestClient, admin: dict[str, str], wrong: dict[str, str]
) -> None:
    assert client.post(LEADS, json=ADA | wrong, headers=admin).status_code == 422


def test_menus_are_below_each_other(composed: Composed) -> None:
    (module,) = composed("crm")
    assert {link.label: link.parent for link in module.navigation} == {"CRM": "", "Leads": "CRM"}
    assert [page.entry for page in module.pages] == [
        f"src/views/{name}.vue" for name in ("Pipeline", "LeadList", "LeadDetail")
    ]
