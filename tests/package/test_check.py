"""The import check: whatever a module does when it is imported, the manifest line is named."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support import workspace
from xtask.diagnostics import Problems
from xtask.errors import XtaskError
from xtask.generate.tree import generate
from xtask.package.check import check_imports, start_probe

if TYPE_CHECKING:
    from pathlib import Path

ROUTER = '[[api.routers]]\nprefix = "/api"\nrouter = "shop.api:router"\n'


def check(root: Path, api: str | None, manifest: str = ROUTER) -> list[tuple[str, str, str]]:
    """Return message, place and reason of each problem of a module whose `api.py` is given."""
    files = workspace.composition("shop") | workspace.module("shop", manifest)
    selection = workspace.selection(workspace.write(root / "workspace", files))
    site = workspace.write(root / "site", {"shop/__init__.py": ""})
    if api is not None:
        workspace.write(site, {"shop/api.py": api})
    tree = generate(selection)
    workspace.write(site, {f"generated/{file.name}": file.data for file in tree})
    problems = Problems()
    with start_probe() as probe:
        check_imports(selection, site, problems, probe)
    assert {problem.code for problem in problems.found} <= {"XT0401"}
    return [(problem.message, str(problem.place), problem.label) for problem in problems.found]


def test_what_can_be_imported_is_no_problem(tmp_path: Path) -> None:
    assert check(tmp_path, "router = 1\n") == []


def test_what_is_nested_too_deeply_to_be_kept_compiled_can_be_imported(tmp_path: Path) -> None:
    assert check(tmp_path, "router = " + "lambda: " * 1900 + "1\n") == []


@pytest.mark.parametrize(
    ("api", "reason"),
    [
        ("other = 1\n", "module `shop.api` has no attribute `router`"),
        ("import nobody_has_this\n", "ModuleNotFoundError: No module named 'nobody_has_this'"),
        ("import fastapi\n", "ModuleNotFoundError: No module named 'fastapi'"),
        (None, "ModuleNotFoundError: No module named 'shop.api'"),
        ("def broken(:\n", "SyntaxError: invalid syntax (api.py, line 1)"),
        ("raise ValueError('two\\nlines')\n", "ValueError: two"),
        ("import sys\nsys.exit(3)\n", "SystemExit: 3"),
        ("raise KeyboardInterrupt\n", "KeyboardInterrupt: "),
        ("def f(): f()\nf()\n", "RecursionError: maximum recursion depth exceeded"),
        ("-" * 50_000 + "1\n", "MemoryError: "),
        ("from shop.api import router\n", None),
        ("1 / 0\n", "ZeroDivisionError: division by zero"),
    ],
)
def test_what_cannot_be_imported_is_named(
    tmp_path: Path, api: str | None, reason: str | None
) -> None:
    ((message, place, label),) = check(tmp_path, api)
    assert message == "`shop.api:router` of module `shop` cannot be imported"
    assert place == "shop/module.toml:7"
    assert reason is None or label == reason


@pytest.mark.parametrize(
    "api",
    [
        "print('hello'); router = 1\n",
        "import sys; sys.stdout.write('{}'); sys.stderr.write('x'); router = 1\n",
        "import os; os.write(1, b'not json'); router = 1\n",
        "import atexit; atexit.register(print, 'goodbye'); router = 1\n",
        "import os; os.system('echo from a child'); router = 1\n",
    ],
)
def test_what_a_module_prints_is_no_answer(tmp_path: Path, api: str) -> None:
    assert check(tmp_path, api) == []


@pytest.mark.parametrize("code", [0, 3])
def test_module_that_ends_the_interpreter_is_named(tmp_path: Path, code: int) -> None:
    with pytest.raises(XtaskError, match=r"importing shop\.api:router") as caught:
        check(tmp_path, f"import os; os._exit({code})\n")
    assert caught.value.help


def test_each_name_of_a_manifest_is_checked_at_its_own_line(tmp_path: Path) -> None:
    manifest = (
        ROUTER
        + '[[api.apps]]\nprefix = "/app"\napp = "shop.api:app"\n'
        + '[[jobs]]\nname = "shop.job"\nrun = "shop.api:job"\nschedule = "* * * * *"\n'
        + '[[hooks]]\nevent = "a.b"\nrun = "shop.api:hook"\n'
        + '[host]\nmain = "shop.api:main"\n'
    )
    found = check(tmp_path, "router = 1\n", manifest)
    assert [(message.split("`")[1], place) for message, place, _ in found] == [
        ("shop.api:app", "shop/module.toml:10"),
        ("shop.api:job", "shop/module.toml:13"),
        ("shop.api:hook", "shop/module.toml:17"),
        ("shop.api:main", "shop/module.toml:19"),
    ]


def test_only_packages_of_the_product_can_be_imported(tmp_path: Path) -> None:
    """The folder of the tests, this checkout and installed packages are not on the path."""
    for name in ("xtask", "pytest", "tests"):
        ((_, _, label),) = check(tmp_path / name, f"import {name}\nrouter = 1\n")
        assert label == f"ModuleNotFoundError: No module named '{name}'"


def test_what_a_product_brings_comes_before_what_the_probe_had_loaded(tmp_path: Path) -> None:
    workspace.write(tmp_path / "site", {"json/__init__.py": "import json.decoder\nOURS = 1\n"})
    workspace.write(tmp_path / "site", {"json/decoder.py": "OURS = 2\n"})
    api = "import json\nrouter = json.OURS, json.decoder.OURS\n"
    assert check(tmp_path, api) == []


def test_nothing_of_the_environment_reaches_a_module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XTASK_DATABASE_URL", "postgresql://secret")
    api = "import os\nassert not [k for k in os.environ if 'XTASK' in k], 'leaked'\nrouter = 1\n"
    assert check(tmp_path, api) == []


def test_broken_registry_is_an_error_of_its_own(tmp_path: Path) -> None:
    files = workspace.composition("shop") | workspace.module("shop")
    selection = workspace.selection(workspace.write(tmp_path / "workspace", files))
    site = workspace.write(tmp_path / "site", {"generated/registry.py": "raise ValueError('x')\n"})
    said = r"generated registry cannot be imported: ValueError: x"
    with start_probe() as probe, pytest.raises(XtaskError, match=said):
        check_imports(selection, site, Problems(), probe)
