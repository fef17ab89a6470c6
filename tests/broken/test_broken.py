"""Every way to break a workspace, and exactly what the user is told.

A folder per case, named by its fault: a tiny workspace, and `expected.txt`, what the command prints
on standard error. Cases in `tests/warned` are valid, and show warnings. After a change of words,
`XTASK_UPDATE=1 python -m pytest tests/broken` writes them anew; read the difference aloud before it
is committed.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from xtask.cli import main
from xtask.diagnostics import codes

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
CASES = sorted(
    f"{room.name}/{path.parent.name}"
    for room in (HERE, HERE.parent / "warned")
    for path in room.glob("*/expected.txt")
)
# What only a build can find, and what is not committed because of its size.
TESTED_ELSEWHERE = {
    "XT0401": HERE.parent / "package/test_check.py",
    "XT0402": HERE.parent / "package/test_declared.py",
    "XT0403": HERE.parent / "package/test_unused.py",
    "XT0404": HERE.parent / "acceptance/test_secrets.py",
    "XT0405": HERE.parent / "acceptance/test_secrets.py",
    "XT0406": HERE.parent / "acceptance/test_bases.py",
    "XT0407": HERE.parent / "acceptance/test_bases.py",
    "XT0408": HERE.parent / "acceptance/test_evidence.py",
    "XT0102": Path(__file__),
    "XT0315": HERE.parent / "acceptance/test_authoring.py",
}
# Workspaces that are valid, and that no image can be made of.
NOT_BUILT = {
    "fastvue_program_that_is_not_in_the_image",
    "interpreter_of_another_platform",
    "odoo_code",
}
_CODE = re.compile(r"\bXT[0-9]{4}\b")


def snapshot(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {
        str(path.relative_to(folder)): (path.stat().st_mtime_ns, path.read_bytes())
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def said(capsys: pytest.CaptureFixture[str], folder: Path) -> str:
    """Return what validating (or building) a workspace prints, after the laws that hold for all."""
    before = snapshot(folder)
    if folder.name in NOT_BUILT:
        assert main(["validate-manifest", "--workspace", str(folder)]) == 0
        capsys.readouterr()
    verb = "build" if folder.name in NOT_BUILT else "validate-manifest"
    code = main([verb, "--workspace", str(folder)])
    printed = capsys.readouterr()
    is_valid = folder.parent.name == "warned"
    assert code == (0 if is_valid else 3), printed.err
    assert bool(printed.out) == is_valid
    assert "Traceback" not in printed.err
    assert snapshot(folder) == before
    return printed.err.removeprefix("compose     failed\n")


@pytest.fixture(autouse=True)
def _plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Say the same on every machine."""
    machine = os.uname_result(("Linux", "", "", "", "x86_64"))
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    monkeypatch.setattr("os.uname", lambda: machine)


@pytest.mark.parametrize("case", CASES)
def test_says_exactly_what_is_expected(capsys: pytest.CaptureFixture[str], case: str) -> None:
    expected = HERE.parent / case / "expected.txt"
    text = said(capsys, HERE.parent / case)
    if os.environ.get("XTASK_UPDATE") and text != expected.read_text():
        expected.write_text(text)
    assert expected.read_text() == text


@pytest.mark.parametrize("case", CASES)
def test_every_problem_has_a_code_a_place_and_a_way_out(case: str) -> None:
    problems = [text.rstrip("\n") for text in case_text(case).split("\n\n")]
    summary = problems.pop()
    kinds = [problem.split("[")[0] for problem in problems]
    assert summary == counted(kinds.count("error"), kinds.count("warning"))
    for problem in problems:
        head, *rest = problem.split("\n")
        code = _CODE.findall(head)[0]
        assert re.match(rf"(error|warning)\[{code}\]: ", head)
        assert [line for line in rest if re.match(r" +--> [^ ]+:\d+:\d+$", line)]
        assert [line for line in rest if re.match(r" += help: .", line)]
        assert rest[-1].lstrip() == f"= more: xtask explain {code}"


def counted(errors: int, warnings: int) -> str:
    """Return the last line: a run that only warns goes on, and says nothing there."""
    words = [f"{errors} problem{'s' if errors > 1 else ''}"]
    words += [f"{warnings} warning{'s' if warnings > 1 else ''}"] if warnings else []
    return f"{' and '.join(words)} found" if errors else ""


@pytest.mark.parametrize("case", CASES)
def test_nothing_is_wider_than_a_terminal(case: str) -> None:
    for line in case_text(case).splitlines():
        assert len(line) <= 80 or re.match(r" +(-->|:::) ", line), line


@pytest.mark.parametrize("case", CASES)
def test_nothing_obeyed_by_a_terminal_is_printed(case: str) -> None:
    text = case_text(case)
    assert "".join(char for char in text if char == "\n" or char.isprintable()) == text


@pytest.mark.parametrize("case", CASES)
def test_problems_are_sorted_by_file_and_line(case: str) -> None:
    text = case_text(case)
    places = [
        (path, int(line), int(column))
        for path, line, column in re.findall(r"^ +--> (.+):(\d+):(\d+)$", text, re.MULTILINE)
    ]
    assert sorted(places) == places


def test_every_code_has_a_case() -> None:
    shown = set(_CODE.findall("\n".join(case_text(case) for case in CASES)))
    for code, test in TESTED_ELSEWHERE.items():
        assert test.read_text().count(code) >= 1
    assert sorted(codes.catalogue()) == sorted(shown | TESTED_ELSEWHERE.keys())


def case_text(case: str) -> str:
    return (HERE.parent / case / "expected.txt").read_text()


def test_catalogue_and_code_know_the_same_codes() -> None:
    used = {
        code
        for path in sorted((ROOT / "xtask").rglob("*.py"))
        for code in re.findall(r'"(XT[0-9]{4})"', path.read_text())
    }
    assert sorted(codes.catalogue()) == sorted(used)


def test_every_explanation_has_a_title_and_a_text() -> None:
    for code, entry in tomllib.loads((ROOT / "xtask/diagnostics/codes.toml").read_text()).items():
        assert sorted(entry) == ["text", "title"], code
        assert entry["title"] == entry["title"].strip().removesuffix(".")
        assert max(map(len, entry["text"].splitlines())) <= 100, code


def test_refuses_a_file_of_10_mb(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "modules.toml").write_bytes(b"#" * 10_000_000)
    text = said(capsys, tmp_path)
    assert "error[XT0102]: `modules.toml` is larger than 1 MiB\n" in text
    assert "help: a manifest is a few kilobytes: is this the right file?" in text


def test_a_process_of_its_own_says_the_same(tmp_path: Path) -> None:
    case = HERE / "many_at_once"
    done = subprocess.run(
        [sys.executable, "-m", "xtask", "validate-manifest", "--workspace", str(case)],
        cwd=ROOT, env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    expected = (case / "expected.txt").read_text()
    assert (3, "", expected) == (done.returncode, done.stdout, done.stderr)


def test_github_gets_one_annotation_for_each_problem(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    text = said(capsys, HERE / "many_at_once")
    notes = [line for line in text.splitlines() if line.startswith("::error ")]
    assert len(notes) == case_text("broken/many_at_once").count("error[")
    assert notes[0].startswith("::error file=content/module.toml,line=4,col=1,title=XT0201::")


def test_json_carries_every_problem_with_its_place(capsys: pytest.CaptureFixture[str]) -> None:
    import json

    assert main(["validate-manifest", "--workspace", str(HERE / "two_hosts"), "--json"]) == 3
    problem, *rest = json.loads(capsys.readouterr().out)["error"]["problems"]
    assert rest == []
    assert problem["code"] == "XT0305"
    assert [problem["place"][key] for key in ("file", "line", "column", "length")] == [
        "content/module.toml",
        5,
        2,
        4,
    ]
    assert [place["file"] for place in problem["others"]] == ["pages/module.toml"]
