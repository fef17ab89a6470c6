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
    assert said.err.startswith("usage: xtask")


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
    assert "error[XT0101]: cannot read `modules.toml`" in said.err
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
        "import xtask.pipeline.compose as c\n"
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


@pytest.mark.requires("index")
def test_on_a_terminal_of_eighty_columns_stages_are_shown_live(shop: Workspace) -> None:
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(shop.root)
        os.environ.update(PYTHONPATH=str(ROOT), TERM="xterm", COLUMNS="80", LINES="24")
        os.execv(sys.executable, [sys.executable, "-m", "xtask", "build"])  # noqa: S606 - a test
    shown = b""
    while True:
        try:
            piece = os.read(terminal, 65536)
        except OSError:
            break
        if not piece:
            break
        shown += piece
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    text = shown.decode()
    assert "\x1b[" in text
    for stage in ("compose", "base", "package", "image", "record"):
        assert stage in text
