"""Eight operators at once, killed, stopped and locked out: no rule of the history is broken."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.faults.history import judge
from tests.faults.operations import campaign

if TYPE_CHECKING:
    from pathlib import Path

_OPERATIONS = 2_504


def test_many_operators_and_a_nemesis_break_no_rule(url: str, tmp_path: Path) -> None:
    count = campaign(url, tmp_path, operations=_OPERATIONS, seed=1)
    verdict = judge(url, tmp_path, operations=_OPERATIONS)
    assert verdict.broken == ()
    assert verdict.operations == _OPERATIONS
    assert verdict.acknowledged > _OPERATIONS // 4
    assert min(count) > 0
