"""A sample of every campaign: kills, failing disks and losses of power leave nothing broken."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.acceptance.shop import built_shop
from tests.faults.forks import Forks
from tests.faults.replay import Replay
from tests.faults.starts import COMMANDS, prepare
from tests.faults.sweep import Sweep

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.faults.starts import Start

pytestmark = pytest.mark.requires("strace", "index")

_SEED = 1
_POINTS = 5
_STATES = 15


@pytest.fixture(scope="module")
def forks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forks]:
    with Forks(tmp_path_factory.mktemp("forks")) as forks:
        yield forks


@pytest.fixture(scope="module")
def starts(forks: Forks, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Start]:
    shop = built_shop(tmp_path_factory).root
    return prepare(forks, shop, tmp_path_factory.mktemp("starts") / "in")


@pytest.mark.parametrize("command", COMMANDS)
def test_a_kill_an_error_or_a_loss_of_power_leaves_the_old_state_or_the_new_one(
    forks: Forks, starts: dict[str, Start], tmp_path: Path, command: str
) -> None:
    sweep = Sweep(forks, starts[command], tmp_path)
    campaigns = [
        sweep.run("crashes", _POINTS, _SEED, print),
        sweep.run("errors", _POINTS, _SEED, print),
        Replay(forks, sweep).run(_STATES, _SEED, print),
    ]
    for tally in campaigns:
        print(*tally[:-1])
        assert tally.broken == ()
        assert tally.tried > tally.missed
