"""Whatever is said in whatever way has no secret in it, and stays what it is otherwise."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import xtask
from tests.support import canaries
from xtask.cli.live import Live
from xtask.cli.output import Output, PlainLines
from xtask.diagnostics import Place, Problems, Source, Span
from xtask.errors import InvalidError, StaleError, XtaskError
from xtask.pipeline.progress import Stage
from xtask.process import ProcessError, run
from xtask.settings import read_settings

if TYPE_CHECKING:
    from collections.abc import Callable

SECRET = canaries.github("output")
SAID = f"it said {SECRET}"
ROOM = Path(xtask.__file__).parent
CHILDREN = {"pipeline/verifying/conditions.py"}
"""What runs in a process of its own, whose output is read and not shown."""


def problems(text: str = SAID, *, secret: bool = False) -> InvalidError:
    def locate(*_: object) -> Span:
        return Span(1, text.index(SECRET) + 1, len(SECRET))

    found = Problems()
    place = Place(Source("a.toml", text, locate), secret=secret)
    long = f"a message of many words that is cut right before {SECRET}"
    found.add("XT0201", long, place, SAID, notes=[SAID], help=SAID, others=[(place, SAID)])
    return InvalidError(tuple(found.found))


def stage(detail: str, **reasons: str) -> Stage:
    return Stage("a", 1, cached=False, detail=detail, reasons=reasons)


WAYS: dict[str, Callable[[Output], object]] = {
    "result": lambda output: output.result({"a": [SAID], "b": {"c": SAID}}, SAID),
    "note": lambda output: output.note(SAID),
    "error": lambda output: output.error(XtaskError(SAID, help=SAID)),
    "stale": lambda output: output.error(StaleError(SAID, report=SAID)),
    "problems": lambda output: output.error(problems()),
    "warnings": lambda output: output.warnings(problems().problems),
    "stage": lambda output: PlainLines(output.warnings).finished(stage(SAID)),
    "reason": lambda output: PlainLines(output.warnings).finished(stage("", b=SAID, c=SAID)),
    "cut": lambda output: PlainLines(output.warnings).finished(stage("x" * 40 + " " + SECRET)),
    "waiting": lambda output: PlainLines(output.warnings).waiting(SAID),
    "live stage": lambda output: Live(output.warnings).finished(stage(SAID)),
    "live waiting": lambda output: Live(output.warnings).waiting(SAID),
}


@pytest.mark.parametrize("as_json", [False, True])
@pytest.mark.parametrize("way", WAYS)
def test_nothing_says_a_secret(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, way: str, *, as_json: bool
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    output = Output(as_json=as_json)
    output._colour = True
    WAYS[way](output)
    said = capsys.readouterr()
    assert SECRET[:9] not in said.out + said.err
    assert "***" in said.out + said.err
    if said.out and as_json:
        json.loads(said.out)


@pytest.mark.parametrize(
    ("text", "shown", "mark"),
    [
        (f'token = "{SECRET}" # it', 'token = "***" # it', "         ^^^"),
        (f'x = "{SECRET}"', 'x = "***"', "     ^^^"),
        (f'漢 = "{SECRET}"', '漢 = "***"', "      ^^^"),
    ],
)
def test_the_mark_is_under_the_mask(
    capsys: pytest.CaptureFixture[str], text: str, shown: str, mark: str
) -> None:
    Output(as_json=False).error(problems(text))
    lines = capsys.readouterr().err.splitlines()
    at = lines.index(f" 1 | {shown}")
    assert lines[at + 1].startswith(f"   | {mark} ")


def test_what_stands_at_a_secret_place_is_not_shown(capsys: pytest.CaptureFixture[str]) -> None:
    Output(as_json=False).error(problems(f"pin = {SECRET}!", secret=True))
    assert "\n 1 | pin = ***!\n" in capsys.readouterr().err


def test_what_a_child_process_said_is_redacted_at_once() -> None:
    with pytest.raises(ProcessError) as caught:
        run(["sh", "-c", f"echo {SECRET[:9]}{SECRET[9:]} >&2; exit 1"])
    assert "***" in caught.value.message
    assert SECRET not in caught.value.message + caught.value.output


def test_an_actor_is_redacted(tmp_path: Path) -> None:
    assert read_settings(tmp_path, {"XTASK_ACTOR": f"ci {SECRET}"}).actor == "ci ***"


def test_nobody_else_writes_to_the_streams() -> None:
    def writes(path: Path) -> bool:
        return any(
            isinstance(node, ast.Call)
            and ast.unparse(node.func) in {"print", "sys.stdout.write", "sys.stderr.write"}
            for node in ast.walk(ast.parse(path.read_text()))
        )

    writers = {path.relative_to(ROOM).as_posix() for path in ROOM.rglob("*.py") if writes(path)}
    assert writers - CHILDREN == {"cli/output.py"}
