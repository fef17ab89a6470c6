"""The hook worker: one interpreter, many modules, and each begins as if it were the first."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from xtask.package.hooks import EarlyWorker, HookWorker, HookWorkers, Made

if TYPE_CHECKING:
    from collections.abc import Iterator

PYTHON = Path(sys.executable)


@pytest.fixture
def worker() -> Iterator[HookWorker]:
    found = HookWorker(PYTHON)
    yield found
    found.close()


@pytest.fixture
def script(tmp_path: Path) -> Path:
    return tmp_path / "hook.py"


def ask(worker: HookWorker, script: Path, text: str, **environ: str) -> str:
    script.write_text(text)
    worker([sys.executable, str(script), "word"], str(script.parent), environ)
    return worker.output


def test_runs_with_the_given_arguments_folder_and_environment(
    worker: HookWorker, script: Path
) -> None:
    text = "import os, sys; print(sys.argv[1:], os.getcwd(), os.environ['HOOK'])"
    assert ask(worker, script, text, HOOK="x") == f"['word'] {script.parent} x\n"


def test_one_interpreter_serves_many_modules(worker: HookWorker, script: Path) -> None:
    answers = {ask(worker, script, "import os; print(os.getpid())") for _ in range(20)}
    assert len(answers) == 1


def test_output_of_one_hook_is_not_in_the_next(worker: HookWorker, script: Path) -> None:
    ask(worker, script, "print('first')")
    assert (
        ask(worker, script, "import os, sys; os.write(2, b'sec'); sys.stdout.write('ond')")
        == "second"
    )


def test_path_environment_and_folder_are_given_back(worker: HookWorker, script: Path) -> None:
    dirty = (
        "import os, sys; sys.path.insert(0, '/x'); "
        "os.environ['LEFT'] = 'x'; os.environ.pop('LC_ALL')"
    )
    clean = (
        "import os, sys; print('/x' in sys.path, "
        "*(os.environ.get(name) for name in ('LEFT', 'LC_ALL', 'HOOK')))"
    )
    ask(worker, script, dirty, HOOK="x")
    assert ask(worker, script, clean) == "False None C.UTF-8 None\n"


@pytest.mark.parametrize(
    "text",
    ["1 / 0", "raise SystemExit(1)", "raise SystemExit(0)", "raise KeyboardInterrupt", "x ="],
)
def test_hook_that_fails_says_so_and_the_worker_lives_on(
    worker: HookWorker, script: Path, text: str
) -> None:
    with pytest.raises(subprocess.CalledProcessError):
        ask(worker, script, text)
    assert "Traceback" in worker.output or "SyntaxError" in worker.output
    assert ask(worker, script, "print('alive')") == "alive\n"


def test_hook_that_ends_the_process_is_a_failure(worker: HookWorker, script: Path) -> None:
    for _ in range(2):
        with pytest.raises(subprocess.CalledProcessError):
            ask(worker, script, "import os; os._exit(0)")
        assert worker.output == "the build back end ended its process, or took too long"
        worker._process.wait()


def test_dead_worker_is_replaced(script: Path) -> None:
    with HookWorkers(PYTHON, 1) as workers:
        with pytest.raises(subprocess.CalledProcessError), workers.borrow(reusable=True) as dead:
            ask(dead, script, "import os; os._exit(1)")
        with workers.borrow(reusable=True) as alive:
            assert ask(alive, script, "print(1)") == "1\n"
        with workers.borrow(reusable=True) as again:
            assert again is alive


def test_back_end_that_keeps_state_gets_a_worker_of_its_own(script: Path) -> None:
    with HookWorkers(PYTHON, 1) as workers:
        with workers.borrow(reusable=True) as first:
            ask(first, script, "import sys; sys.modules['json'].left = 1")
        with workers.borrow(reusable=False) as second:
            assert ask(second, script, "import json; print(hasattr(json, 'left'))") == "False\n"
        with workers.borrow(reusable=True) as third:
            assert third is not second


def test_no_more_workers_than_the_width(script: Path) -> None:
    running, most = [0], [0]
    lock = threading.Lock()

    def use(workers: HookWorkers) -> None:
        with workers.borrow(reusable=True):
            with lock:
                running[0] += 1
                most[0] = max(most[0], running[0])
            with lock:
                running[0] -= 1

    with HookWorkers(PYTHON, 2) as workers:
        threads = [threading.Thread(target=use, args=(workers,)) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert 1 <= most[0] <= 2
    assert script.parent.exists()


def test_time_of_the_worker_is_fixed(worker: HookWorker, script: Path) -> None:
    text = "import os; print(os.environ['SOURCE_DATE_EPOCH'], os.environ['PYTHONHASHSEED'])"
    assert ask(worker, script, text) == "315532800 0\n"


def back_end(tmp_path: Path, text: str, *requires: str) -> Made:
    """Let a worker make a wheel with a back end that Python finds in its environment."""
    (tmp_path / "out").mkdir(exist_ok=True)
    worker = HookWorker(PYTHON)
    try:
        site = tmp_path / "site"
        site.mkdir()
        (site / "back_end.py").write_text(text)
        add = tmp_path / "add.py"
        # The worker's own path is given back after each request: only what is imported stays.
        add.write_text(f"import sys; sys.path.insert(0, {str(site)!r}); import back_end")
        worker(["", str(add)], str(tmp_path))
        return worker.wheel(tmp_path, tmp_path / "out", "back_end", requires)
    finally:
        worker.close()


WHEEL = """
import os
def build_wheel(folder, config_settings=None, metadata_directory=None):
    open(os.path.join(folder, "x.whl"), "w").write(os.getcwd())
    return "x.whl"
"""


def test_a_wheel_is_made_in_the_folder_of_its_project(tmp_path: Path) -> None:
    assert back_end(tmp_path, WHEEL) == Made("x.whl")
    assert (tmp_path / "out/x.whl").read_text() == str(tmp_path)


def test_what_a_back_end_asks_for_has_to_be_given(tmp_path: Path) -> None:
    text = f"{WHEEL}\ndef get_requires_for_build_wheel(settings=None): return ['a', 'numpy', 'b']"
    assert back_end(tmp_path, text, "a") == Made("", ("b", "numpy"))
    assert not (tmp_path / "out/x.whl").exists()


def test_a_back_end_cannot_name_a_wheel_elsewhere(tmp_path: Path) -> None:
    text = "def build_wheel(*words): return '/somewhere/else/x.whl'"
    assert back_end(tmp_path, text) == Made("x.whl")


@pytest.mark.parametrize("text", ["def build_wheel(folder): 1 / 0", "pass"])
def test_a_back_end_without_a_wheel_is_a_failure(tmp_path: Path, text: str) -> None:
    with pytest.raises(subprocess.CalledProcessError):
        back_end(tmp_path, text)


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    """Return the Python of an environment in a cache, which is the one that runs this."""
    python = tmp_path / "build/abc/bin/python"
    python.parent.mkdir(parents=True)
    python.symlink_to(PYTHON)
    return python


def test_an_early_worker_is_what_the_last_build_took(tmp_path: Path, environment: Path) -> None:
    with EarlyWorker(tmp_path) as first:
        first.start()
        assert first.take(environment, ("json",)) is None
    with EarlyWorker(tmp_path) as second:
        second.start()
        worker = second.take(environment, ("json",))
    assert worker
    assert worker._process.poll() is None
    worker.close()


def test_an_early_worker_that_fits_nothing_is_ended(tmp_path: Path, environment: Path) -> None:
    EarlyWorker(tmp_path).take(environment, ("json",))
    with EarlyWorker(tmp_path) as unused:
        unused.start()
        assert unused._worker
        process = unused._worker._process
    assert process.poll() is not None
    with EarlyWorker(tmp_path) as other:
        other.start()
        assert other._worker
        process = other._worker._process
        assert other.take(environment, ("csv",)) is None
        assert process.poll() is not None


@pytest.mark.parametrize(
    "damage", ["", "[]", "{}", '{"environment": "../..", "preload": "x"}', '{"environment": 1}']
)
def test_a_damaged_memory_starts_nothing(tmp_path: Path, environment: Path, damage: str) -> None:
    assert environment.exists()
    (tmp_path / "build/last.json").write_text(damage)
    with EarlyWorker(tmp_path) as early:
        early.start()
        assert early._worker is None
