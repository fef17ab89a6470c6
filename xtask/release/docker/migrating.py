"""Migrating the database of an environment: a container of the candidate that does it and ends."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from xtask.errors import TargetError
from xtask.release import health, naming
from xtask.release.deployment import Migrated
from xtask.release.docker import containers
from xtask.release.docker.engine import absence_allowed, engine, ensure_image

if TYPE_CHECKING:
    from docker import DockerClient  # type: ignore[import-untyped]
    from docker.models.containers import Container  # type: ignore[import-untyped]

    from xtask.release.deployment import Deployment, Site

_ROLE: Final = "migrate"
_DEADLINE_SECONDS: Final = 900.0
_LOOK_SECONDS: Final = 0.1
_REPAIR: Final = "what served before still does; repair the migration, build and promote again"


def migrate(
    deployment: Deployment,
    /,
    *,
    dry_run: bool = False,
    backup: bool = False,
    clock: health.Clock = health.SYSTEM_CLOCK,
) -> Migrated:
    """Run the image with the word `migrate` where the deployment will run; return what it did.

    Its name is that of the environment, so that the engine lets one be at work: what an
    interrupted run left is ended first, and the database has undone the half of it. A dry run
    has another name, and ends nothing.

    Raises:
        TargetError: the engine refuses, or the container fails, has not ended in time, or does not
            say what it did.
        UntrustedError: the engine made another image from the archive.
    """
    image = ensure_image(deployment)
    site, words = deployment.site, ("--dry-run",) if dry_run else ("--backup",) if backup else ()
    slot = containers.Slot(
        f"{naming.prefix(site)}-{'pending' if dry_run else 'migrate'}",
        _ROLE,
        data=containers.data_volume(site),
        command=("migrate", *words),
    )
    with engine(f"migrating {site.environment} of {site.app}") as client:
        containers.ensure_network(client, deployment)
        containers.evict(client, deployment, slot)
        container = containers.create(client, deployment, image, slot)
        try:
            return _outcome(container, deployment, clock)
        finally:
            with absence_allowed():
                container.remove(force=True, v=True)


def end(client: DockerClient, site: Site) -> None:
    """Remove what an interrupted run left in an environment."""
    wanted = naming.selecting(naming.labels(site, _ROLE))
    for each in client.containers.list(all=True, filters=wanted):
        with absence_allowed():
            each.remove(force=True, v=True)


def _outcome(container: Container, deployment: Deployment, clock: health.Clock) -> Migrated:
    """Start a container and wait until it has ended; return what its last line says."""
    subject = f"migrations of release {deployment.release_id}"
    containers.entrust(container, deployment)
    container.start()
    try:
        health.wait_until(
            lambda: _at_work(container),
            within=_DEADLINE_SECONDS,
            clock=clock,
            interval=_LOOK_SECONDS,
        )
        return _said(container)
    except TargetError as error:
        found = containers.with_log(subject, error, container, help=_REPAIR)
        raise TargetError(deployment.masked(found.message), help=found.help) from error


def _at_work(container: Container) -> str | None:
    container.reload()
    return None if container.status in {"exited", "dead"} else "it is still at work"


def _said(container: Container) -> Migrated:
    if code := container.attrs["State"]["ExitCode"]:
        raise TargetError(f"exited with code {code}")
    lines = container.logs(stdout=True, stderr=False, tail=1).decode(errors="replace")
    try:
        said = json.loads(lines)
        return Migrated(tuple(map(str, said["migrations"])), said["backup"])
    except (ValueError, KeyError, TypeError) as error:
        raise TargetError("its last line does not say what it did") from error
