"""What is kept of what a builder says."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from tests.support import canaries
from xtask.diagnostics import Place, Problems, Source
from xtask.digest import sha256
from xtask.errors import InvalidError, RefusedError, XtaskError
from xtask.pipeline.building.journal import keeping
from xtask.pipeline.progress import Progress
from xtask.records.direct import open_direct
from xtask.records.store import open_records
from xtask.records.values import BuildRequest, Claim
from xtask.settings import read_settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from xtask.records.store import Records
    from xtask.records.values import Build

SECRET = canaries.github("journal")


@pytest.fixture
def records(tmp_path: Path) -> Iterator[Records]:
    with open_records(read_settings(tmp_path, {}).database_url) as opened:
        yield opened


@pytest.fixture
def build(records: Records) -> Build:
    request = BuildRequest(sha256(b"a"), "release", (), actor="ci")
    return records.begin_build(request, Claim("builder", 60.0))


def said(records: Records, build: Build) -> list[str]:
    return [line for _, line in records.lines(build.id)]


def test_stages_before_the_build_was_recorded_are_said_first(
    records: Records, build: Build
) -> None:
    progress = Progress()
    with progress.stage("compose"):
        pass
    with keeping(progress, records, build) as kept:
        with kept.stage("package") as stage:
            stage.detail = "2 wheels"
            stage.because("made for the first time")
        assert [line.split()[0] for line in said(records, build)] == ["compose", "package", "made"]
    assert [stage.name for stage in progress.stages] == ["compose", "package"]


def test_an_error_is_the_end_of_what_is_said(records: Records, build: Build) -> None:
    with (
        pytest.raises(XtaskError),
        keeping(Progress(), records, build) as kept,
        kept.stage("package"),
    ):
        raise XtaskError(f"it said {SECRET}\x1b[2J\0", help="try\nthis")
    assert said(records, build) == [
        "package     failed", "error: it said ***\ufffd[2J\ufffd", "  help: try", "this",
    ]  # fmt: skip


def test_problems_are_said_with_their_places(records: Records, build: Build) -> None:
    problems = Problems()
    problems.add("XT0201", "unknown key", Place(Source("a.toml", "nmae = 1")), help="name")
    with pytest.raises(InvalidError), keeping(Progress(), records, build):
        problems.raise_if_any()
    lines = said(records, build)
    assert lines[0] == "error[XT0201]: unknown key"
    assert lines[1].strip() == "--> a.toml:1:1"
    assert lines[-1] == "error: 1 problem found"


def test_who_lost_the_build_says_nothing_more_and_hears_why(records: Records, build: Build) -> None:
    def go_on() -> None:
        with keeping(Progress(), records, build) as kept, kept.stage("package"):
            assert records.claim_build(Claim("other", 60.0), alone=True)

    with pytest.raises(RefusedError, match="in other hands"):
        go_on()
    assert said(records, build) == []


def test_the_short_way_writes_the_same_lines(tmp_path: Path, records: Records) -> None:
    workspace = read_settings(tmp_path, {}).workspace
    direct = open_direct(workspace.records, now=lambda: datetime.now(UTC), new_id=uuid4)
    assert direct
    with direct:
        request = BuildRequest(sha256(b"b"), "release", (), actor="ci")
        build = direct.begin_build(request, Claim("builder", 60.0))
        direct.write_lines(build, ["one", "two"])
        direct.write_lines(build, ["three"])
    assert records.lines(build.id) == ((1, "one"), (2, "two"), (3, "three"))
