"""Warnings are shown on standard error by every verb that composes, and end nothing."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.support import workspace
from xtask.cli import main

if TYPE_CHECKING:
    from pathlib import Path

COMPOSITION = """\
schema = 1
app = "shop"
app_version = "1.0.0"
[modules]
cards = { path = "cards" }
"""
MANIFEST = {
    "name": "cards",
    "display_name": "Cards",
    "version": "1.0.0",
    "description": "Gift cards",
    "author": "Somebody",
    "license": "MIT",
    "min_app_version": "1.0.0",
}
SHOWN = "warning[XT0221]: "


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Write a product of one Flux module whose migrations skip a number."""
    files = {"modules.toml": COMPOSITION, "cards/module.json": json.dumps(MANIFEST, indent=2)}
    files |= {"cards/__init__.py": '__version__ = "1.0.0"\n'}
    for stem in ("001_a", "003_b"):
        for half in ("sql", "down.sql"):
            files[f"cards/migrations/{stem}.{half}"] = "SELECT 1;\n"
    return workspace.write(tmp_path / "shop", files)


@pytest.fixture(autouse=True)
def _plain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)


@pytest.mark.parametrize("verb", ["validate-manifest", "list-modules", "generate-registry"])
def test_v18_r2_verb_shows_a_warning_and_does_its_work(
    capsys: pytest.CaptureFixture[str], root: Path, verb: str
) -> None:
    assert main([verb, "--workspace", str(root), "--json"]) == 0
    said = capsys.readouterr()
    assert said.err.count(SHOWN) == 1
    assert "\n --> cards/migrations/003_b.sql:1:1\n" in said.err.replace("  -->", " -->")
    assert json.loads(said.out)


def test_checking_what_is_current_shows_a_warning_too(
    capsys: pytest.CaptureFixture[str], root: Path
) -> None:
    assert main(["generate-registry", "--workspace", str(root)]) == 0
    capsys.readouterr()
    assert main(["generate-registry", "--check", "--workspace", str(root)]) == 0
    said = capsys.readouterr()
    assert (said.out, said.err.count(SHOWN)) == ("generated/ is current\n", 1)


@pytest.mark.requires("index")
def test_lock_shows_a_warning(capsys: pytest.CaptureFixture[str], root: Path) -> None:
    assert main(["lock", "--workspace", str(root), "--json"]) == 0
    said = capsys.readouterr()
    assert json.loads(said.out)["changed"] is True
    assert said.err.count(SHOWN) == 1


def found(root: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    main(["validate-manifest", "--workspace", str(root), "--json"])
    return json.loads(capsys.readouterr().out)


def test_document_of_a_valid_product_lists_its_warnings(
    capsys: pytest.CaptureFixture[str], root: Path
) -> None:
    document = found(root, capsys)
    assert set(document) == {"valid", "app", "modules", "errors", "warnings"}
    assert (document["valid"], document["errors"], document["modules"]) == (True, [], ["cards"])
    (warning,) = document["warnings"]
    shown = {key: warning[key] for key in ("category", "severity", "code", "file", "line")}
    assert shown == {
        "category": "manifest",
        "severity": "warning",
        "code": "XT0221",
        "file": "cards/migrations/003_b.sql",
        "line": 1,
    }
    assert warning["message"]


def test_document_of_a_broken_product_lists_errors_and_warnings(
    capsys: pytest.CaptureFixture[str], root: Path
) -> None:
    text = (root / "modules.toml").read_text().replace('"1.0.0"', '"0.9.0"')
    (root / "modules.toml").write_text(text)
    error = found(root, capsys)["error"]
    assert (error["valid"], error["exit_code"]) == (False, 3)
    (problem,), (warning,) = error["errors"], error["warnings"]
    assert (problem["category"], problem["code"]) == ("composition", "XT0310")
    assert (problem["file"], problem["severity"]) == ("cards/module.json", "error")
    assert (warning["code"], warning["severity"]) == ("XT0221", "warning")
    assert len(error["problems"]) == 2


def test_what_is_found_later_keeps_the_warnings(
    capsys: pytest.CaptureFixture[str], root: Path
) -> None:
    """A third-party requirement is looked at after everything else was read."""
    native = workspace.module("needy")
    text = native["needy/pyproject.toml"].replace("dependencies = []", 'dependencies = ["a b"]')
    workspace.write(root, native | {"needy/pyproject.toml": text})
    (root / "modules.toml").write_text(COMPOSITION + 'needy = { path = "needy" }\n')
    error = found(root, capsys)["error"]
    assert [problem["code"] for problem in error["errors"]] == ["XT0214"]
    assert [problem["code"] for problem in error["warnings"]] == ["XT0221"]


def test_github_gets_an_annotation_for_a_warning(
    capsys: pytest.CaptureFixture[str], root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    assert main(["validate-manifest", "--workspace", str(root)]) == 0
    (line,) = [text for text in capsys.readouterr().err.splitlines() if text.startswith("::")]
    assert line.startswith("::warning file=cards/migrations/003_b.sql,line=1,col=1,title=XT0221::")
