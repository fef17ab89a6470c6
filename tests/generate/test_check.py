"""`generate-registry --check` shows each difference and the manifest line behind it."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from xtask.cli import main

GOLDEN = Path(__file__).parents[1] / "golden/one_module_of_each_kind"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return Path(shutil.copytree(GOLDEN, tmp_path / "workspace"))


def report(capsys: pytest.CaptureFixture[str], root: Path) -> str:
    assert main(["generate-registry", "--check", "--workspace", str(root), "--json"]) == 4
    text: str = json.loads(capsys.readouterr().out)["error"]["report"]
    return text


def edit(root: Path, name: str, old: str, new: str) -> None:
    path = root / name
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))


def hunks(text: str, value: str) -> list[str]:
    """Return the hunks that add a value, in other lines than those with the digest of the input."""
    return [
        hunk
        for hunk in re.split(r"^(?=@@|--- )", text, flags=re.MULTILINE)
        if re.search(rf"^\+(?!.*sha256:).*{re.escape(value)}", hunk, re.MULTILINE)
    ]


@pytest.mark.parametrize(
    ("edited", "value", "cause"),
    [
        (("content/module.toml", '"Articles"\n\n[req', '"Text"\n\n[req'), '"Text"', 1),
        (("content/module.toml", '"/api/content"\n', '"/api/x"\n'), '"/api/x"', 9),
        (("content/module.toml", 'title = "Article"', 'title = "One"'), '"One"', 23),
        (("content/module.toml", "order = 10", "order = 11"), "11", 29),
        (("content/module.toml", '"Read articles"', '"See"'), '"See"', 36),
        (("content/module.toml", "default = 20", "default = 21"), "21", 38),
        (("content/module.toml", '"0 4 * * *"', '"0 5 * * *"'), '"0 5 * * *"', 56),
        (("content/module.toml", '/health"', '/well"'), '/well"', 72),
        (("modules.toml", "limit = 5", "limit = 6"), '"limit": 6', 8),
        (("modules.toml", 'app = "shop"', 'app = "store"'), '"store"', 2),
    ],
)
def test_each_hunk_names_the_line_that_caused_it(
    capsys: pytest.CaptureFixture[str],
    root: Path,
    edited: tuple[str, str, str],
    value: str,
    cause: int,
) -> None:
    edit(root, *edited)
    found = hunks(report(capsys, root), value)
    assert len(found) >= 2, "the registry and the composition show it"
    for hunk in found:
        lines = re.findall(rf"^# because of {edited[0]}:(\d+)$", hunk, re.MULTILINE)
        assert [line for line in map(int, lines) if cause <= line <= cause + 5], hunk


def test_missing_file_is_shown_whole(capsys: pytest.CaptureFixture[str], root: Path) -> None:
    (root / "generated/py.typed").unlink()
    (root / "generated/routes.json").unlink()
    text = report(capsys, root)
    assert "--- (no file)\n+++ generated/routes.json (what the manifests say)\n" in text
    assert "--- (no file)\n+++ generated/py.typed (what the manifests say)" in text


def test_edit_by_hand_is_shown_and_nothing_is_written(
    capsys: pytest.CaptureFixture[str], root: Path
) -> None:
    edit(root, "generated/registry.py", 'name="content"', 'name="hacked"')
    before = (root / "generated/registry.py").read_bytes()
    text = report(capsys, root)
    assert '-        name="hacked",\n+        name="content",' in text
    number = before.decode().split("\n").index('        name="hacked",') + 1
    assert f"\n@@ -{number - 2},5 +{number - 2},5 @@\n" in text
    assert "# because of content/module.toml:" in text
    assert before == (root / "generated/registry.py").read_bytes()


def test_lines_that_only_look_like_lines_are_none(
    capsys: pytest.CaptureFixture[str], root: Path
) -> None:
    edit(root, "content/module.toml", 'title = "Article"', 'title = "A\\u2028B\\u0085C\\fD"')
    assert r"A\u2028B\u0085C\fD" in report(capsys, root)


def test_people_are_told_what_to_do(capsys: pytest.CaptureFixture[str], root: Path) -> None:
    edit(root, "modules.toml", "limit = 5", "limit = 6")
    assert main(["generate-registry", "--check", "--workspace", str(root)]) == 4
    said = capsys.readouterr().err
    assert "error: generated/ does not match the manifests\n" in said
    assert "help: run `xtask generate-registry` and commit generated/" in said
    assert main(["generate-registry", "--workspace", str(root)]) == 0
    assert main(["generate-registry", "--check", "--workspace", str(root)]) == 0
