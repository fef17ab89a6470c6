"""Any history of releases keeps the nine rules that `operating` names."""

from __future__ import annotations

import os
import shutil
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.property.model import Ground, fill
from tests.property.operating import Operating
from tests.records.conftest import Clock, Ids
from tests.support.postgresql import Schemas
from xtask.records.store import migrate_records, open_records

if TYPE_CHECKING:
    from pathlib import Path

# `XTASK_HISTORIES=20000x100` makes so many, of so many steps, other ones each time.
HISTORIES = os.environ.get("XTASK_HISTORIES", "")


def run(ground: Ground, examples: int, steps: int) -> None:
    if HISTORIES:
        examples, steps = (int(number) for number in HISTORIES.split("x"))
    run_state_machine_as_test(
        lambda: Operating(ground),
        settings=settings(
            max_examples=examples, stateful_step_count=steps, deadline=None, database=None,
            derandomize=not HISTORIES, suppress_health_check=list(HealthCheck),
        ),
    )  # fmt: skip


def test_any_history_in_a_file_keeps_the_rules(tmp_path: Path) -> None:
    file, begin = tmp_path / "records.sqlite3", tmp_path / "begin.sqlite3"
    migrate_records(f"sqlite:///{begin}")
    with open_records(f"sqlite:///{begin}", now=Clock(), new_id=Ids()) as records:
        fill(records)
    shutil.copy(begin, file)
    with open_records(f"sqlite:///{file}") as records:
        run(Ground(records, lambda: shutil.copy(begin, file)), 80, 50)


@pytest.mark.requires("postgresql")
def test_any_history_in_a_server_keeps_the_rules() -> None:
    with closing(Schemas(os.environ["XTASK_TEST_POSTGRESQL"])) as schemas:
        schema = schemas.take()

        def begin() -> None:
            schemas.empty(schema)
            records.now, records.new_id = Clock(), Ids()
            fill(records)

        with open_records(schemas.address(schema)) as records:
            run(Ground(records, begin), 10, 40)
