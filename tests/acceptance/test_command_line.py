"""The contract of the two streams and the exit codes."""

from __future__ import annotations

import os
import pty
import sys
from typing import TYPE_CHECKING

import pytest

from tests.acceptance.shop import ROOT, Workspace, write_shop

if TYPE_CHECKING:
    from pathlib import Path


def test_without_a_verb_the_usage_is_shown() -> None:
    said = Workspace(ROOT).xtask()
    assert said.code == 2
    assert "usage: xtask" in said.err


def test_an_unknown_verb_is_a_usage_error() -> None:
    assert Workspace(ROOT).xtask("bild").code == 2


def test_the_version_is_printed() -> None:
    assert Workspace(ROOT).xtask("--version").out.startswith("xtask ")


def test_help_of_every_verb_fits_eighty_columns() -> None:
    from xtask.cli.verbs import VERBS

    for verb in VERBS:
        said = Workspace(ROOT, environ={"COLUMNS": "80"}).xtask(verb, "--help")
        assert said.code == 0
        assert max(map(len, said.out.splitlines())) <= 80


def test_a_missing_composition_is_one_clear_problem(tmp_path: Path) -> None:
    said = Workspace(tmp_path).xtask("build")
    assert said.code == 3
    assert "error[XT0101]: there is no `modules.toml` here" in said.err
    assert list(tmp_path.iterdir()) == []


def test_an_error_is_one_json_document_too(tmp_path: Path) -> None:
    (tmp_path / "modules.toml").write_text('schema = 1\napp = "x"\nbuil = 2\n')
    said = Workspace(tmp_path).xtask("validate-manifest", "--json")
    assert said.code == 3
    (problem,) = said.document["error"]["problems"]
    assert (problem["code"], problem["place"]["line"], problem["help"]) == (
        "XT0201", 3, "did you mean `build`?",
    )  # fmt: skip


def test_github_gets_annotations(tmp_path: Path) -> None:
    (tmp_path / "modules.toml").write_text('schema = 1\napp = "x"\nbuil = 2\n')
    said = Workspace(tmp_path).xtask("validate-manifest", GITHUB_ACTIONS="true")
    assert "::error file=modules.toml,line=3,col=1,title=XT0201::unknown key `buil`" in said.err


def test_a_bug_is_exit_70_with_a_log_and_no_traceback(tmp_path: Path) -> None:
    shop = write_shop(tmp_path)
    (tmp_path / "releases").mkdir()
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "sitecustomize.py").write_text(
        "import xtask.pipeline.composing.compose as c\n"
        "def bug(_): raise ValueError('oops')\n"
        "c.validate = bug\n"
    )
    said = shop.xtask("validate-manifest", PYTHONPATH=f"{broken}:{ROOT}")
    assert said.code == 70
    assert "bug in xtask: ValueError: oops" in said.err
    (log,) = (tmp_path / "releases").glob("bug-*.log")
    assert "Traceback" in log.read_text()


def test_a_closed_pipe_is_no_bug() -> None:
    line = f"{sys.executable} -m xtask explain XT0301 | true; exit ${{PIPESTATUS[0]}}"
    status = os.system(f"cd {ROOT} && bash -c '{line}' 2>/dev/null")  # noqa: S605 - constants
    assert os.waitstatus_to_exitcode(status) in (0, 1)


def test_every_code_can_be_explained() -> None:
    said = Workspace(ROOT).xtask("explain", "xt0301")
    assert said.out.startswith("XT0301: a module is missing\n")
    unknown = Workspace(ROOT).xtask("explain", "XT0391")
    assert unknown.code == 2
    assert "did you mean" in unknown.err


def test_doctor_says_what_is_missing(tmp_path: Path) -> None:
    said = Workspace(tmp_path).xtask("doctor", "--json", DOCKER_HOST="unix:///nowhere/docker.sock")
    assert said.code == 2
    checks = {check["check"]: check for check in said.document}
    assert checks["python"]["ok"] is True
    assert checks["workspace"]["ok"] is False
    assert checks["engine"]["ok"] is False


def on_a_terminal(workspace: Workspace, *words: str) -> tuple[str, int]:
    """Return what a terminal of 80 columns is sent, and the exit code."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(workspace.root)
        os.environ.update(PYTHONPATH=str(ROOT), TERM="xterm", COLUMNS="80", LINES="24")
        os.execv(sys.executable, [sys.executable, "-m", "xtask", *words])  # noqa: S606 - a test
    shown = b""
    while True:
        try:
            piece = os.read(terminal, 65536)
        except OSError:
            break
        if not piece:
            break
        shown += piece
    return shown.decode(), os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@pytest.mark.requires("index")
def test_on_a_terminal_stages_are_shown_live(shop: Workspace) -> None:
    text, code = on_a_terminal(shop, "build")
    assert code == 0
    assert "\x1b[" in text
    for stage in ("compose", "base", "package", "image", "record"):
        assert stage in text


def test_a_usage_error_is_one_json_document_too(tmp_path: Path) -> None:
    said = Workspace(tmp_path).xtask("build", "--json", "--bogus")
    assert said.code == 2
    assert said.document["error"]["exit_code"] == 2
    assert "--bogus" in said.err


@pytest.mark.parametrize("words", [("builds", "--limit", "9" * 30), ("builds", "--limit", "-1")])
def test_a_number_out_of_range_is_a_usage_error(tmp_path: Path, words: tuple[str, ...]) -> None:
    assert Workspace(tmp_path).xtask(*words).code == 2


def test_a_file_for_a_workspace_is_a_usage_error(tmp_path: Path) -> None:
    (tmp_path / "modules.toml").write_text("schema = 1\n")
    said = Workspace(tmp_path).xtask("build", "--workspace", "modules.toml")
    assert said.code == 2
    assert "there is no folder modules.toml" in said.err


def test_trouble_with_a_file_is_no_bug(tmp_path: Path) -> None:
    shop = write_shop(tmp_path)
    (tmp_path / "generated").write_text("a file where a folder should be")
    said = shop.xtask("generate-registry")
    assert said.code == 1
    assert "generated" in said.err


@pytest.mark.parametrize("verb", ["build", "promote", "rollback"])
def test_r7_an_operation_is_a_verb_and_a_function(verb: str) -> None:
    from xtask.cli.verbs import load
    from xtask.pipeline.building import build
    from xtask.pipeline.releasing import release

    functions = {
        "build": build.build, "promote": release.promote, "rollback": release.rollback,
    }  # fmt: skip
    function = functions[verb]
    assert {"settings", "progress"} <= function.__annotations__.keys()
    named = set(load(verb).run.__code__.co_names)
    module, name = function.__module__.rsplit(".", 1)
    assert function.__module__ in named or {module, name} <= named


def test_every_verb_that_a_message_names_exists() -> None:
    import re

    from xtask.cli.verbs import VERBS

    named = {
        (path.name, word)
        for path in (ROOT / "xtask").rglob("*.py")
        for word in re.findall(r"[`:] ?xtask ([a-z-]+)", path.read_text())
    }
    assert {(name, word) for name, word in named if word not in VERBS} == set()


def test_on_a_terminal_a_failing_stage_gives_the_cursor_back(tmp_path: Path) -> None:
    shop = write_shop(tmp_path)
    shop.edit("modules.toml", "schema = 1", "schema = 1\nbogus = 2")
    text, code = on_a_terminal(shop, "build")
    assert code == 3
    assert "unknown key `bogus`" in text
    assert text.count("\x1b[?25l") == text.count("\x1b[?25h")
