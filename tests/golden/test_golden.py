"""Compositions and exactly what is generated from them.

Each folder is a workspace with its `generated/`. After a change of a template,
`python -m xtask generate-registry --workspace tests/golden/CASE` writes it anew; read the
difference before it is committed.
"""

from __future__ import annotations

import importlib
import json
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.support import workspace
from xtask.cli import main
from xtask.generate.tree import generate

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
CASES = sorted(path.parent.name for path in HERE.glob("*/modules.toml"))
DIALECTS = ["flux", "fastvue", "capability", "bmc", "rustok", "modules_of_five_systems"]


def present(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "__pycache__"}


@pytest.mark.parametrize("case", CASES)
def test_generates_exactly_these_files(case: str) -> None:
    tree = generate(workspace.selection(HERE / case))
    assert present(HERE / case / "generated") == {file.name: file.data for file in tree}


@pytest.mark.parametrize("case", CASES)
def test_causes_change_no_byte_and_each_line_has_one(case: str) -> None:
    selection = workspace.selection(HERE / case)
    for plain, marked in zip(generate(selection), generate(selection, causes=True), strict=True):
        assert (plain.name, plain.data) == (marked.name, marked.data)
        if marked.causes:
            assert len(marked.causes) >= marked.data.count(b"\n")


@pytest.mark.parametrize("case", CASES)
def test_writing_twice_changes_nothing(case: str, tmp_path: Path) -> None:
    shutil.copytree(HERE / case, tmp_path / "copy", ignore=shutil.ignore_patterns("generated"))
    copy = ["--workspace", str(tmp_path / "copy")]
    assert main(["generate-registry", *copy]) == 0
    assert present(HERE / case / "generated") == present(tmp_path / "copy/generated")
    assert main(["generate-registry", "--check", *copy]) == 0


def test_generated_python_is_formatted() -> None:
    folders = [ROOT / "generated", *sorted(HERE.glob("*/generated"))]
    done = subprocess.run(
        [sys.executable, "-m", "ruff", "format", "--diff", "--isolated", "--no-cache", *map(str, folders)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("case", ["../..", "text_that_attacks", *DIALECTS])
def test_generated_python_is_typed(case: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path), "generated",
         "--follow-imports=silent", "--config-file="],
        cwd=HERE / case, env={"PATH": "/usr/bin", "MYPYPATH": mypy_path(case)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, ""), done.stdout


@pytest.mark.requires("tsc")
@pytest.mark.parametrize("case", ["../..", "text_that_attacks", *DIALECTS])
def test_generated_typescript_is_typed(case: str) -> None:
    sources = sorted((HERE / case / "generated").glob("*.ts"))
    options = ["--noEmit", "--strict", "--target", "es2022"]
    options += ["--module", "nodenext", "--moduleResolution", "nodenext"]
    done = subprocess.run(
        [shutil.which("tsc") or "tsc", *options, *map(str, sources)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("case", ["../..", *CASES])
def test_host_makes_the_same_route_map_of_the_registry(
    case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fastapi.encoders import jsonable_encoder

    monkeypatch.syspath_prepend(str(ROOT / "modules/server/src"))
    route_map = importlib.import_module("server.routes").route_map
    folder = HERE / case / "generated"
    registry = ModuleType("registry_under_test")
    monkeypatch.setitem(sys.modules, registry.__name__, registry)
    exec((folder / "registry.py").read_text(), registry.__dict__)  # noqa: S102 - is tested
    expected = json.loads((folder / "routes.json").read_text())
    for route in expected["routes"]:  # what no file draws is in no image
        route["entry"] = route["entry"] or f"/assets/{route['module']}/"
    assert expected == jsonable_encoder(route_map(vars(registry)["MODULES"]))


def mypy_path(case: str) -> str:
    folder = ROOT / "modules" if case == "../.." else HERE / case
    return ":".join(map(str, [*sorted(folder.glob("*/src")), folder / "stubs"]))
