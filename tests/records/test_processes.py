"""Eight processes on one database: nothing is lost, nothing is done twice."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

from tests.records.test_chain import broken

if TYPE_CHECKING:
    from tests.records.conftest import Shop

PROCESSES = 8
BUILDS = 24


def test_each_build_is_made_once_and_every_promotion_has_its_generation(
    shop: Shop, url: str
) -> None:
    builds = [shop.queued(str(number)).id for number in range(BUILDS)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.support.claiming", url, f"worker {number}"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment,
        )
        for number in range(PROCESSES)
    ]  # fmt: skip
    said = [process.communicate(timeout=120) for process in processes]
    assert [process.returncode for process in processes] == [0] * PROCESSES, said
    done = [json.loads(out) for out, _ in said]
    assert sorted(build for each in done for build in each["built"]) == sorted(builds)
    generations = [generation for each in done for generation in each["generations"]]
    assert sorted(generations) == list(range(1, BUILDS + 1))
    assert all(each["generations"] == sorted(each["generations"]) for each in done)
    releases = sorted(shop.records.releases("prod"), key=lambda release: release.generation or 0)
    assert [release.previous_release_id for release in releases] == [
        None, *(release.id for release in releases[:-1])
    ]  # fmt: skip
    events = list(shop.records.events())
    assert broken(events) == []
    assert [json.loads(event.facts)["generation"] for event in events
            if event.to_status == "deploying"] == list(range(1, BUILDS + 1))  # fmt: skip
    # Each build: queued, running, succeeded; each release: pending, approved, deploying,
    # verifying, active; all but the last superseded.
    assert len(events) == BUILDS * (3 + 5) + BUILDS - 1
