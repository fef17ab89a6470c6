"""Virtual machines: ordered through the API, started by the job, with a password and a pause."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from server.jobs import ScheduledTask, parse_schedule, run_due
from server.registry import Hook
from server.settings import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastapi.testclient import TestClient
    from server.registry import Module
    from server.sdk import Event

    Serve = Callable[..., TestClient]
    Composed = Callable[..., tuple[Module, ...]]

VMS = "/api/v1/modules/vmware-vcenter/vms"
NOON = datetime(2026, 5, 1, 12, 0, 0, tzinfo=UTC)
PASSWORD = {"MODULES__VMWARE_VCENTER__VCENTERPASSWORD": "not one of anybody"}


@pytest.fixture
def module(composed: Composed) -> Module:
    return composed("vmware-vcenter")[0]


def _order(client: TestClient, admin: dict[str, str], name: str) -> None:
    assert client.post(VMS, json={"name": name}, headers=admin).status_code == 200


def _run_jobs(client: TestClient, module: Module, moment: datetime) -> tuple[str, ...]:
    """Run the module's job as the product does, and return which jobs succeeded."""
    state: Any = client.app
    (job,) = module.jobs
    task = ScheduledTask(
        job.name, parse_schedule(job.schedule), job.load(), job.timeout, job.retries
    )
    return run_due([task], replace(state.state.runtime, clock=lambda: moment), moment)


def _states(client: TestClient) -> dict[str, str]:
    return {each["name"]: each["state"] for each in client.get(VMS).json()}


def test_the_job_is_what_the_manifest_says(module: Module) -> None:
    (job,) = module.jobs
    said = (job.name, job.schedule, job.timeout, job.retries)
    assert said == ("vmware-vcenter.sync-inventory", "0 * * * *", 300, 3)


def test_an_ordered_machine_runs_after_the_next_synchronisation(
    serve: Serve, module: Module, admin: dict[str, str]
) -> None:
    client = serve(module, **PASSWORD)
    _order(client, admin, "web-1")
    assert _states(client) == {"web-1": "ordered"}
    assert _run_jobs(client, module, NOON) == ("vmware-vcenter.sync-inventory",)
    assert _states(client) == {"web-1": "running"}


def test_two_synchronisations_are_an_interval_apart(
    serve: Serve, module: Module, admin: dict[str, str]
) -> None:
    client = serve(module, **PASSWORD, MODULES__VMWARE_VCENTER__SYNCINTERVAL="2")
    _run_jobs(client, module, NOON)
    _order(client, admin, "web-1")
    found = []
    for hours in (1, 2):
        _run_jobs(client, module, NOON + timedelta(hours=hours))
        found.append(_states(client)["web-1"])
    assert found == ["ordered", "running"]


def test_without_a_password_nothing_is_synchronised(
    serve: Serve, module: Module, admin: dict[str, str]
) -> None:
    client = serve(module)
    _order(client, admin, "web-1")
    assert _run_jobs(client, module, NOON) == ("vmware-vcenter.sync-inventory",)
    assert _states(client) == {"web-1": "ordered"}


def test_the_interval_has_bounds_and_the_password_no_default(serve: Serve, module: Module) -> None:
    (secret,) = [setting for setting in module.settings if setting.secret]
    assert (secret.key, secret.default) == ("vcenterPassword", None)
    with pytest.raises(SettingsError, match="SYNCINTERVAL must be at most 24"):
        serve(module, MODULES__VMWARE_VCENTER__SYNCINTERVAL="25")


def test_two_machines_cannot_have_one_name(
    serve: Serve, module: Module, admin: dict[str, str]
) -> None:
    client = serve(module)
    _order(client, admin, "web-1")
    again = client.post(VMS, json={"name": "web-1", "memory_gb": 8}, headers=admin)
    assert again.status_code == 409
    assert client.get(VMS).json() == [{"name": "web-1", "memory_gb": 4, "state": "ordered"}]


def test_what_a_listener_refuses_is_not_ordered(
    serve: Serve, module: Module, admin: dict[str, str]
) -> None:
    def refuse(_context: object, event: Event) -> None:
        raise RuntimeError(f"not {event['name']}")

    hearing = replace(module, hooks=(Hook("vm.created", 1, lambda: refuse),))
    client = serve(hearing)
    with pytest.raises(RuntimeError, match="not web-1"):
        client.post(VMS, json={"name": "web-1"}, headers=admin)
    assert client.get(VMS).json() == []


def test_only_the_token_orders_and_deletes(
    serve: Serve, module: Module, admin: dict[str, str]
) -> None:
    client = serve(module)
    _order(client, admin, "web-1")
    assert client.post(VMS, json={"name": "web-2"}).status_code == 401
    assert client.delete(f"{VMS}/web-1").status_code == 401
    assert _states(client) == {"web-1": "ordered"}
    codes = [client.delete(f"{VMS}/web-1", headers=admin).status_code for _ in range(2)]
    assert codes == [200, 404]


@pytest.mark.parametrize(
    "order", [{}, {"name": "Web"}, {"name": "w-"}, {"name": "w", "memory_gb": 0}], ids=str
)
def test_refuses_a_malformed_order(
    serve: Serve, module: Module, admin: dict[str, str], order: dict[str, object]
) -> None:
    assert serve(module).post(VMS, json=order, headers=admin).status_code == 422
