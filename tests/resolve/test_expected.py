"""What a crate's own files and its line in RusToK's `modules.toml` both say has to be the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support import workspace

if TYPE_CHECKING:
    from pathlib import Path

MANIFEST = """\
[module]
slug = "blog"
name = "Blog"
version = "0.1.0"
description = "Articles and who wrote them"
trust_level = "core"
runtime = "extension"
"""
CARGO = '[package]\nname = "rustok-blog"\nversion = "0.1.0"\n'
LINE = 'crate = "rustok-blog", required = true, runtime = "extension"'


def problems(root: Path, line: str, manifest: str = MANIFEST) -> list[tuple[str, str, str]]:
    head = 'schema = 1\napp = "server"\n\n[modules]\n'
    files = {
        "modules.toml": f'{head}blog = {{ path = "blog", {line} }}\n',
        "blog/rustok-module.toml": manifest,
        "blog/Cargo.toml": CARGO,
    }
    found = workspace.problems(workspace.write(root, files))
    return [(item.code, item.message, str(item.others[0][0])) for item in found]


def test_a_line_that_says_the_same_has_no_problem(tmp_path: Path) -> None:
    assert problems(tmp_path, LINE) == []


@pytest.mark.parametrize(
    ("old", "new", "says", "wanted", "place"),
    [
        ("true", "false", "required = false", "required = true", "rustok-module.toml:6"),
        (", required = true", "", "required = false", "required = true", "rustok-module.toml:6"),
        ("extension", "module", 'runtime = "module"', 'runtime = "extension"',
         "rustok-module.toml:7"),
        (', runtime = "extension"', "", 'runtime = "module"', 'runtime = "extension"',
         "rustok-module.toml:7"),
        ("rustok-blog", "blog", 'crate = "blog"', 'crate = "rustok-blog"', "Cargo.toml:2"),
    ],
)  # fmt: skip
def test_a_line_that_says_something_else_is_refused(  # noqa: PLR0913, PLR0917 - a table
    tmp_path: Path, old: str, new: str, says: str, wanted: str, place: str
) -> None:
    message = f"the line of `blog` says `{says}`, and its manifest `{wanted}`"
    assert problems(tmp_path, LINE.replace(old, new)) == [("XT0208", message, f"blog/{place}")]


def test_a_module_of_lower_trust_is_not_required(tmp_path: Path) -> None:
    verified = MANIFEST.replace("core", "verified")
    assert [code for code, _, _ in problems(tmp_path, LINE, verified)] == ["XT0208"]
    assert problems(tmp_path, LINE.replace("true", "false"), verified) == []


def test_a_manifest_that_says_nothing_expects_nothing(tmp_path: Path) -> None:
    lines = [
        line for line in MANIFEST.splitlines() if "trust" not in line and "runtime" not in line
    ]
    assert problems(tmp_path, LINE, "\n".join(lines)) == []
    assert problems(tmp_path, LINE.replace("true", "false"), "\n".join(lines)) == []


def test_a_line_of_ours_names_no_crate(tmp_path: Path) -> None:
    assert problems(tmp_path, "required = true") == []
