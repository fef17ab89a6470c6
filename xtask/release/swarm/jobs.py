"""Jobs: what a swarm runs once on each of its nodes, also on those that come later."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from xtask.release.swarm import services

if TYPE_CHECKING:
    from xtask.release.swarm.managers import Found, Managers


class Failure(NamedTuple):
    """A node on which a job has failed, and how."""

    node: str
    said: str


class Progress(NamedTuple):
    """How far a job is: the names of nodes that are not done, and the failures."""

    waiting: list[str]
    failures: list[Failure]


def look(managers: Managers, name: str) -> Progress:
    """Return how far the latest run of a job is on the nodes that are there."""
    job = services.named(managers, name)
    there = services.nodes(managers)
    if job is None:
        return Progress(sorted(node.name for node in there.values()), [])
    latest = {
        task["NodeID"]: task
        for task in services.tasks(managers, job)
        if _run_of(task) == _run_of(job.get("JobStatus", {})) and task.get("NodeID") in there
    }
    states = {node: latest[node]["Status"]["State"] for node in latest}
    waiting = [there[node].name for node in there if states.get(node) not in services.ENDED]
    failures = [
        Failure(there[node].name, services.failure(latest[node]) or state)
        for node, state in states.items()
        if state in services.ENDED and state != "complete"
    ]
    return Progress(sorted(waiting), sorted(failures))


def _run_of(holder: Found) -> int:
    return int((holder.get("JobIteration") or {}).get("Index", 0))
