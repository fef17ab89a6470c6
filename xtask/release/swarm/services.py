"""Services, their tasks and the nodes of a swarm: found, made, changed and removed."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from xtask.errors import RefusedError, TargetError
from xtask.release import naming
from xtask.release.docker.engine import absence_allowed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from docker import APIClient  # type: ignore[import-untyped]

    from xtask.release.deployment import Site
    from xtask.release.swarm.managers import Found, Managers

Spec = dict[str, Any]
"""A service as it should be, in the words of the Engine API."""


class Node(NamedTuple):
    """A machine of the swarm, and where it is reached."""

    name: str
    address: str


ENDED: Final = ("failed", "rejected", "complete")
_LOG_LINES: Final = 20


def find(managers: Managers, labels: Mapping[str, str]) -> list[Found]:
    """Return the services with these labels, by name."""
    wanted = naming.selecting(dict(labels))
    found: list[Found] = managers.ask(lambda client: client.services(filters=wanted))
    return sorted(found, key=name_of)


def named(managers: Managers, name: str) -> Found | None:
    """Return the service of that name or id."""
    with absence_allowed():
        found: Found = managers.ask(lambda client: client.inspect_service(name))
        return found
    return None


def name_of(service: Found) -> str:
    """Return a service's name."""
    return str(service["Spec"]["Name"])


def label(service: Found, key: str) -> str:
    """Return one of a service's labels."""
    return str((service["Spec"].get("Labels") or {}).get(key, ""))


def ensure(managers: Managers, spec: Spec, site: Site) -> Found:
    """Return the service that is `spec`, made or changed if need be.

    One that carries other labels is of another release, left by an interrupted run: it is replaced.

    Raises:
        RefusedError: it is not of this environment.
    """
    held = named(managers, spec["Name"])
    if held is not None and held["Spec"].get("Labels") != spec["Labels"]:
        _evict(managers, held, site)
        held = None
    if held is None:
        create(managers, spec)
    else:
        update(managers, held, spec)
    return _there(managers, spec["Name"])


def create(managers: Managers, spec: Spec) -> bool:
    """Make a service; return false when one of that name is there."""
    words = _words(spec)
    return unless(
        "name conflicts",
        managers,
        lambda client: client.create_service(name=spec["Name"], **words),
    )


def update(managers: Managers, held: Found, spec: Spec) -> bool:
    """Change a service into `spec`; return false when somebody was quicker (compare-and-swap)."""
    version = held["Version"]["Index"]
    words = _words(spec)
    return unless(
        "out of sequence",
        managers,
        lambda client: client.update_service(held["ID"], version, name=spec["Name"], **words),
    )


def remove(managers: Managers, service: Found) -> None:
    """Remove a service, and let its tasks end."""
    with absence_allowed():
        managers.ask(lambda client: client.remove_service(service["ID"]))


def tasks(managers: Managers, service: Found) -> list[Found]:
    """Return the tasks of a service, the ended ones too that the swarm still knows."""
    wanted = {"service": service["ID"]}
    found: list[Found] = managers.ask(lambda client: client.tasks(filters=wanted))
    return found


def running(managers: Managers, service: Found) -> list[Found]:
    """Return the tasks of a service that run, on nodes that are there."""
    there = nodes(managers)
    return [
        each
        for each in tasks(managers, service)
        if each["Status"]["State"] == "running"
        and each["DesiredState"] == "running"
        and each.get("NodeID") in there
    ]


def nodes(managers: Managers) -> dict[str, Node]:
    """Return the nodes that may run tasks, by id.

    For a while after its election a leader has heard of none, and knows of none that it is down.
    """
    found: list[Found] = managers.ask(lambda client: client.nodes())
    return {
        each["ID"]: Node(each["Description"]["Hostname"], _address(each))
        for each in found
        if each["Status"]["State"] in {"ready", "unknown"}
        and each["Spec"]["Availability"] == "active"
    }


def failed(managers: Managers, service: Found) -> list[Found]:
    """Return the tasks of a service that have ended by themselves, as far as a manager knows."""
    return [each for each in tasks(managers, service) if failure(each)]


def failure(task: Found) -> str | None:
    """Return how a task has ended by itself, `None` where it has not."""
    status = task["Status"]
    if status["State"] not in ENDED:
        return None
    code = (status.get("ContainerStatus") or {}).get("ExitCode")
    said = str(status.get("Err", ""))
    if status["State"] == "rejected" or code is None or "could not start" in said:
        return said or str(status["State"])
    return f"exited with code {code}" + (" (killed)" if code == 137 else "")  # noqa: PLR2004 - SIGKILL


def unless(words: str, managers: Managers, write: Callable[[APIClient], object]) -> bool:
    """Write; return false when the engine refuses it with these words, or has lost its object."""
    import docker.errors  # type: ignore[import-untyped]  # noqa: PLC0415 - see `engine`

    def guarded(client: APIClient) -> bool:
        try:
            write(client)
        except docker.errors.APIError as error:
            said = str(error).lower()
            if words in said or "not found" in said:
                return False
            raise
        return True

    return managers.ask(guarded)


def with_log(managers: Managers, service: Found, error: TargetError, help: str) -> TargetError:  # noqa: A002 - as in `XtaskError`
    """Return the error with the last lines that the tasks of a service wrote."""
    written = ""
    with contextlib.suppress(TargetError):
        written = managers.ask(lambda client: _log(client, service["ID"])).rstrip()
    log = f"its log ends:\n{written}" if written else "it logged nothing"
    return TargetError(f"{error.message}; {log}", help=help)


def _log(client: APIClient, service_id: str) -> str:
    pieces = client.service_logs(
        service_id, stdout=True, stderr=True, tail=_LOG_LINES, is_tty=False
    )
    written: bytes = b"".join(pieces)
    return written.decode(errors="replace")


def _address(node: Found) -> str:
    """Return where other nodes reach this one; a manager knows that best of itself."""
    advertised = (node.get("ManagerStatus") or {}).get("Addr", "").rpartition(":")[0]
    return advertised.strip("[]") or str(node["Status"]["Addr"])


def _words(spec: Spec) -> dict[str, Any]:
    """Return a service in the words of the SDK."""
    return {
        "task_template": spec["TaskTemplate"],
        "labels": spec["Labels"],
        "mode": spec["Mode"],
        "update_config": spec.get("UpdateConfig"),
        "rollback_config": spec.get("RollbackConfig"),
        "endpoint_spec": spec.get("EndpointSpec"),
    }


def _evict(managers: Managers, held: Found, site: Site) -> None:
    if not naming.labels(site).items() <= (held["Spec"].get("Labels") or {}).items():
        name = name_of(held)
        raise RefusedError(
            f"the name {name} belongs to a service that xtask did not make",
            help=f"remove that service: `docker service rm {name}`",
        )
    remove(managers, held)


def _there(managers: Managers, name: str) -> Found:
    found = named(managers, name)
    if found is None:
        raise TargetError(
            f"the service {name} has gone while it was made", help="repeat the command"
        )
    return found
