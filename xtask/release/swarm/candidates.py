"""The services that run releases: their image on every node, their tasks asked one by one."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Final

from xtask.errors import TargetError
from xtask.release import health, naming
from xtask.release.deployment import LISTEN_PORT
from xtask.release.swarm import belongings, services, specs

if TYPE_CHECKING:
    from xtask.release.deployment import Deployment
    from xtask.release.swarm.managers import Found, Managers

_PULL_SECONDS: Final = 600.0
_START_SECONDS: Final = 60.0
_PAUSE: Final = 0.2  # seconds; each question is several to a manager
_REPAIR: Final = "what served before still does; repair the module, build and promote again"
_PUSH: Final = (
    "nodes pull by digest: set `repository` in `[image]` to a registry that all of them reach, "
    "and push the image with `xtask build --push`"
)


def find(managers: Managers, deployment: Deployment) -> Found | None:
    """Return the service that runs exactly this deployment."""
    found = services.find(managers, naming.release_labels(deployment, "release"))
    return found[0] if found else None


def pull(managers: Managers, deployment: Deployment) -> None:
    """Get the image to every node that is there.

    Raises:
        TargetError: nodes cannot get it, with their names.
    """
    spec = specs.pulling(deployment)
    held = services.named(managers, spec["Name"])
    if held is None or held["Spec"]["Labels"] != spec["Labels"]:
        held = services.ensure(managers, spec, deployment.site)

    def missing() -> str | None:
        there = services.nodes(managers)
        tasks = services.tasks(managers, held)
        done = {task.get("NodeID") for task in tasks if task["Status"]["State"] == "complete"}
        waiting = there.keys() - done
        failures = [
            said
            for task in tasks
            if task.get("NodeID") in waiting and (said := services.failure(task))
        ]
        names = ", ".join(sorted(there[node].name for node in waiting))
        if failures:
            raise TargetError(f"{specs.pinned(deployment)} is not on {names}: {failures[0]}")
        return f"{specs.pinned(deployment)} is not on {names}" if waiting else None

    try:
        health.wait_until(missing, within=_PULL_SECONDS, clock=managers.clock, interval=_PAUSE)
    except TargetError as error:
        services.remove(managers, held)
        raise TargetError(error.message, help=error.help or _PUSH) from error


def ensure(
    managers: Managers, deployment: Deployment, network: str
) -> tuple[Found, frozenset[str]]:
    """Return the deployment's service, made or brought back, and which of its tasks had ended."""
    held = find(managers, deployment)
    past = (
        frozenset(each["ID"] for each in services.failed(managers, held)) if held else frozenset()
    )
    secrets = belongings.ensure_secrets(managers, deployment)
    spec = specs.release(deployment, network=network, secrets=secrets)
    return services.ensure(managers, spec, deployment.site), past


def remove(managers: Managers, deployment: Deployment) -> None:
    """Remove what runs a deployment, and what got its image to the nodes."""
    for role in ("release", "pull"):
        for each in services.find(managers, naming.release_labels(deployment, role)):
            services.remove(managers, each)


def wait_healthy(
    managers: Managers, service: Found, deployment: Deployment, past: frozenset[str]
) -> None:
    """Return when every task is ready, this release by its own word, and answers right.

    Tasks in `past` had ended before: what happened to them says nothing about now.

    Raises:
        TargetError: a task ended, is not ready in time, is something else, or answers wrong; with
            the log.
    """
    stages = (
        (_absent, _START_SECONDS),
        (_unready, deployment.configuration.ready_within),
    )
    try:
        for missing, within in stages:
            health.wait_until(
                functools.partial(missing, managers, service, deployment, past),
                within=within,
                clock=managers.clock,
                interval=_PAUSE,
            )
        for ask in _tasks(managers, service):
            wrong = health.misidentified(ask, deployment) or health.unanswered(
                ask, deployment.requests
            )
            if wrong:
                raise TargetError(wrong)  # noqa: TRY301 - all of them get the log
    except TargetError as error:
        said = TargetError(f"release {deployment.release_id}: {error.message}")
        found = services.with_log(managers, service, said, help=_REPAIR)
        raise TargetError(deployment.masked(found.message), help=found.help) from error


def _absent(
    managers: Managers, service: Found, deployment: Deployment, past: frozenset[str]
) -> str | None:
    """Return how many tasks do not run yet; it is the swarm that starts them, not the release."""
    found = services.tasks(managers, service)
    for task in found:
        if task["ID"] not in past and (said := services.failure(task)):
            raise TargetError(said)
    run, wanted = len(_tasks(managers, service)), deployment.configuration.replicas
    states = {(each["Status"].get("Err") or each["Status"]["State"]) for each in found}
    said = ", ".join(sorted(states)) or "none is there"
    return f"{run} of {wanted} tasks run; {said}" if run < wanted else None


def _unready(
    managers: Managers, service: Found, deployment: Deployment, past: frozenset[str]
) -> str | None:
    absent = _absent(managers, service, deployment, past)
    asks = _tasks(managers, service)
    return absent or next((missing for ask in asks if (missing := health.unready(ask))), None)


def _tasks(managers: Managers, service: Found) -> list[health.Ask]:
    """Return how to ask each running task, at the port that its node gave it."""
    there = services.nodes(managers)
    return [
        health.at(port["PublishedPort"], there[task["NodeID"]].address)
        for task in services.running(managers, service)
        for port in (task["Status"].get("PortStatus") or {}).get("Ports") or ()
        if port["TargetPort"] == LISTEN_PORT and task["NodeID"] in there
    ]
