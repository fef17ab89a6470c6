"""Migrations run in a container of the candidate, before it starts, and leave nothing behind."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from xtask.errors import TargetError
from xtask.release import docker, health
from xtask.release.deployment import Migrated
from xtask.release.docker import containers, migrating

if TYPE_CHECKING:
    from tests.integration.conftest import Shop
    from xtask.release.deployment import Deployment

pytestmark = pytest.mark.requires("docker")


def _interrupted(engine: Any, deployment: Deployment) -> None:
    """Leave what a promotion leaves whose process died while the migrations ran."""
    image = docker.ensure_image(deployment)
    containers.ensure_network(engine, deployment)
    name = f"xt-{deployment.site.app}-prod-migrate"
    slot = containers.Slot(
        name, "migrate", containers.data_volume(deployment.site), command=("migrate",)
    )
    containers.create(engine, deployment, image, slot).start()


def test_what_is_pending_runs_once_on_the_data_of_the_environment(engine: Any, shop: Shop) -> None:
    first = shop.deployment("a", 1)
    assert docker.migrate(first, dry_run=True) == Migrated(("shop/1",))
    assert docker.migrate(first, backup=True) == Migrated(("shop/1",), "copy")
    shop.serve(first)
    assert docker.migrate(shop.deployment("b", 2)) == Migrated(())
    assert shop.containers(engine, "migrate") == []
    assert shop.serving() == "rel_a_1"


def test_what_fails_is_told_and_what_served_still_does(engine: Any, shop: Shop) -> None:
    shop.serve(shop.deployment("a", 1))
    with pytest.raises(
        TargetError, match=r"exited with code 1; its log ends:\n(?s:.*)shop/2: near"
    ):
        docker.migrate(shop.deployment("b", 2, "badly migrated"))
    assert shop.containers(engine, "migrate") == []
    assert shop.serving() == "rel_a_1"


@dataclass
class Jump:
    """A clock on which the deadline has passed at the second look."""

    moments: list[float] = field(default_factory=lambda: [0.0])

    def now(self) -> float:
        return self.moments[-1]

    def sleep(self, _seconds: float) -> None:
        self.moments.append(migrating._DEADLINE_SECONDS)


def test_one_that_does_not_end_is_ended_at_its_deadline(engine: Any, shop: Shop) -> None:
    clock = Jump()
    with pytest.raises(TargetError, match="after 900 s: it is still at work"):
        docker.migrate(
            shop.deployment("a", 1, "never migrated"), clock=health.Clock(clock.now, clock.sleep)
        )
    assert shop.containers(engine, "migrate") == []


def test_one_that_was_interrupted_is_ended_and_runs_again(engine: Any, shop: Shop) -> None:
    _interrupted(engine, shop.deployment("a", 1, "never migrated"))
    assert docker.migrate(shop.deployment("b", 2)) == Migrated(("shop/1",))
    assert shop.containers(engine, "migrate") == []
    _interrupted(engine, shop.deployment("c", 3, "never migrated"))
    docker.remove(shop.site, keep=frozenset())
    assert shop.containers(engine, "migrate") == []
