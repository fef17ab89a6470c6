"""The targets, and the one that runs nothing."""

from __future__ import annotations

import inspect
import subprocess
import sys
from typing import Any

import pytest

from xtask.errors import UsageError
from xtask.release import record
from xtask.release.deployment import Site
from xtask.release.target import TARGETS, Migrator, Target, migrator, target


def test_every_target_carries_its_own_name() -> None:
    assert {name: name for name in TARGETS} == {key: each.name for key, each in TARGETS.items()}


@pytest.mark.parametrize("name", sorted(TARGETS))
@pytest.mark.parametrize("step", ["plan", "apply", "switch", "observe", "remove"])
def test_every_target_takes_the_arguments_of_every_step(name: str, step: str) -> None:
    def required(function: Any) -> int:
        parameters = inspect.signature(function).parameters.values()
        return len([each for each in parameters if each.default is each.empty])

    wanted = required(getattr(Target, step)) - 1  # self
    assert wanted == required(getattr(target(name), step))


def test_a_target_migrates_when_it_says_so() -> None:
    able = {name for name in TARGETS if "migrations" in target(name).capabilities}
    assert able == {name for name in TARGETS if migrator(name)}
    wanted = inspect.signature(Migrator.migrate).parameters.keys() - {"self"}
    for name in able:
        assert wanted <= inspect.signature(target(name).migrate).parameters.keys()  # type: ignore[attr-defined]


def test_refuses_an_unknown_target_and_lists_the_known() -> None:
    with pytest.raises(UsageError, match="`heroku`") as caught:
        target("heroku")
    assert caught.value.help == "use one of: docker, kubernetes, record, swarm"


def test_record_observes_nothing() -> None:
    site = Site("shop", "prod", 1)
    record.remove(site, keep=frozenset())
    assert record.observe(site) is None


def test_knowing_the_targets_does_not_import_their_clients() -> None:
    seen = "{'docker', 'kubernetes', 'requests'} & set(sys.modules)"
    code = f"import sys, xtask.release.target; sys.exit(len({seen}))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
