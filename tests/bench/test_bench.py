"""The smallest size of each benchmark: it prints a table, and what it measured was right."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.bench.measure import Run, rounds

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]


def bench(tmp_path: Path, *words: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "tests.bench", *words, "--scratch", str(tmp_path)]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
    assert sorted(tmp_path.iterdir()) == []
    return done


def report(tmp_path: Path, *words: str) -> str:
    done = bench(tmp_path, *words)
    assert (done.returncode, done.stderr) == (0, "")
    assert [line for line in done.stdout.splitlines() if len(line) > 100] == []
    for fact in ("- seed 7, 1 runs each", "- commit ", " cores, ", "Python 3."):
        assert fact in done.stdout
    return done.stdout


def cells(text: str, first: str) -> list[list[str]]:
    """Return the cells of the rows whose first cell is `first`."""
    rows = [re.split(r" *\| *", line.strip("| ")) for line in text.splitlines() if "|" in line]
    return [row for row in rows if row[0] == first]


def write(tmp_path: Path, name: str, *, seed: int) -> dict[str, bytes]:
    from tests.bench.workspaces import write_workspace

    root = tmp_path / name
    write_workspace(root, 5, seed=seed)
    files = (path for path in root.rglob("*") if path.is_file())
    return {str(path.relative_to(root)): path.read_bytes() for path in files}


def test_one_seed_writes_one_workspace_and_another_seed_another(tmp_path: Path) -> None:
    first = write(tmp_path, "first", seed=1)
    assert first == write(tmp_path, "second", seed=1)
    assert first != write(tmp_path, "third", seed=2)


def test_a_module_is_as_large_as_the_peers_were_measured_with(tmp_path: Path) -> None:
    package = "modules/m00004/src/m00004/"
    files = write(tmp_path, "product", seed=1)
    code = [data for name, data in files.items() if name.startswith(package) and ".py" in name]
    static = [data for name, data in files.items() if name.startswith(f"{package}static/")]
    assert (len(code), len(static)) == (5, 4)
    assert 170 <= sum(data.count(b"\n") for data in code) <= 230
    assert {25} == {len(data) // 1000 for data in static}


def test_build_prints_every_step_without_a_peer(tmp_path: Path) -> None:
    printed = report(tmp_path, "build", "--modules", "3", "--runs", "1", "--seed", "7", "--alone")
    for step in ("cold with the base", "cold", "wheels made", "no change", "one module"):
        for _, ours, _, _, peer, *_ in cells(printed, step):
            assert re.fullmatch(r"\d+ \(\d+-\d+\)", ours)
            assert peer == "not here"
    ((_, *composed),) = cells(printed, "compose")
    assert len([cell for cell in composed if cell]) == 5
    assert "(target" not in printed


@pytest.mark.skipif(
    os.geteuid() != 0
    or not Path("/usr/sbin/dockerd").exists()
    or not Path("/usr/bin/buildah").exists(),
    reason="starts a dockerd and buildah as root",
)
def test_build_prints_ratios_to_the_peers(tmp_path: Path) -> None:
    printed = report(tmp_path, "build", "--modules", "3", "--runs", "1", "--seed", "7")
    against = cells(printed, "cold")[:2]
    for _, _, _, wheels, peer, _, ratio in against:
        assert re.fullmatch(r"\d+ \(\d+-\d+\)", peer)
        assert wheels.isdecimal()
        assert float(ratio) > 0
    for step in ("no change", "one module", "cold image stages", "wheels made", "cold"):
        _, *judged = cells(printed, step)[-1]
        assert len(judged) == 2
        assert all(re.search(r"\d \(target ≤ .*: (met|MISSED)\)$", one) for one in judged)
    assert printed.count("(target ≤ ") == 10


def test_measurements_take_turns_after_one_preparation() -> None:
    said = []

    def once(name: str) -> Callable[[], Run]:
        def measured() -> Run:
            said.append(name)
            return Run(1.0, 0.0, 0, b"", b"")

        return measured

    found = rounds({"a": once("a"), "b": once("b")}, 3, before=lambda: said.append("-"))
    assert "".join(said) == "-ab-ab-ab"
    assert [len(found[name].runs) for name in "ab"] == [3, 3]


def test_compose_prints_time_memory_and_growth(tmp_path: Path) -> None:
    words = ("compose", "--modules", "3", "6", "--runs", "1", "--seed", "7")
    printed = report(tmp_path, *words)
    ((_, _, _, peak, _, growth),) = cells(printed, "6")
    assert int(peak) > 5
    assert float(growth) > 0
    assert printed.count("(target ≤ ") == 3


@pytest.mark.requires("docker")
def test_release_prints_ratios_and_loses_no_request(tmp_path: Path) -> None:
    printed = report(tmp_path, "release", "--runs", "1", "--seed", "7")
    for step in ("promote", "rollback", "promote of what does not start"):
        ((_, answers, _, failed),) = cells(printed, step)
        assert int(answers.replace(",", "")) > 50
        assert failed == "0"
    assert printed.count("(target ≤ ") == 3


def test_start_prints_the_ten_most_expensive_imports(tmp_path: Path) -> None:
    printed = report(tmp_path, "start", "--modules", "3", "--runs", "1", "--seed", "7")
    after = printed.split("most expensive imports")[1].splitlines()[2:]
    own = [float(line.split("|")[2]) for line in after if line]
    assert len(own) == 10
    assert own == sorted(own, reverse=True)


def test_a_failing_build_is_an_error_and_no_number(tmp_path: Path) -> None:
    from tests.bench.measure import BenchError, copy_xtask

    xtask = copy_xtask(tmp_path / "tool")
    with pytest.raises(BenchError, match="exited with 3"):
        xtask.run(tmp_path, "build", "--json")
