"""Who keeps a build, and who is told to stop."""

from __future__ import annotations

import signal
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from xtask.digest import sha256
from xtask.errors import RefusedError
from xtask.pipeline.leases import building, claim
from xtask.records.store import open_records
from xtask.records.values import BuildRequest, Claim
from xtask.settings import read_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from xtask.records.store import Records
    from xtask.records.values import Build
    from xtask.settings import Settings

REQUEST = BuildRequest(sha256(b"a"), "release", (), actor="ci")
LONG = 20.0


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return replace(read_settings(tmp_path, {}), lease_seconds=1.0)


@pytest.fixture
def records(settings: Settings) -> Iterator[Records]:
    with open_records(settings.database_url) as opened:
        yield opened


def test_a_build_is_kept_longer_than_its_lease(settings: Settings, records: Records) -> None:
    build = records.begin_build(REQUEST, claim(settings))
    with building(settings, records, build):
        time.sleep(1.3)
        assert records.claim_build(Claim("other", 1.0)) is None
    records.advance_build(build, "layers", 50)


def held(settings: Settings, records: Records, build: Build, change: Callable[[], object]) -> None:
    """Keep a build for long, while something happens to it."""
    with building(settings, records, build):
        change()
        time.sleep(LONG)


def test_a_cancelled_build_is_interrupted_while_it_waits(
    settings: Settings, records: Records
) -> None:
    build = records.begin_build(REQUEST, claim(settings))
    before = signal.getsignal(signal.SIGUSR1)
    began = time.monotonic()
    with pytest.raises(RefusedError, match="was cancelled by ann"):
        held(settings, records, build, lambda: records.cancel_build(build.id, actor="ann"))
    assert time.monotonic() - began < LONG / 2
    assert signal.getsignal(signal.SIGUSR1) == before


def test_a_build_in_other_hands_is_interrupted(settings: Settings, records: Records) -> None:
    build = records.begin_build(REQUEST, claim(settings))
    other = Claim("other", 60.0)
    with pytest.raises(RefusedError, match="is in the hands of other"):
        held(settings, records, build, lambda: records.claim_build(other, alone=True))


def test_ctrl_c_is_nobodys_refusal(settings: Settings, records: Records) -> None:
    build = records.begin_build(REQUEST, claim(settings))
    with pytest.raises(KeyboardInterrupt), building(settings, records, build):
        raise KeyboardInterrupt


def test_another_thread_is_refused_when_it_writes(settings: Settings, records: Records) -> None:
    build = records.begin_build(REQUEST, claim(settings))

    def work() -> None:
        with building(settings, records, build):
            records.cancel_build(build.id, actor="ann")
            time.sleep(0.6)
            records.advance_build(build, "layers", 50)

    with ThreadPoolExecutor(1) as pool, pytest.raises(RefusedError, match="cancelled by ann"):
        pool.submit(work).result()
