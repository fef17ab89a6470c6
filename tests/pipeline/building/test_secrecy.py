"""What of secrets is allowed: one text in one file, and that text in what is made of it."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from tests.support import canaries
from xtask.diagnostics import Place, Source
from xtask.errors import InvalidError
from xtask.image.secrets.rules import rules
from xtask.image.secrets.search import search
from xtask.manifest.secrets import Allowed
from xtask.pipeline.building.secrecy import Watch, look_at_generated
from xtask.settings import Workspace

if TYPE_CHECKING:
    from xtask.image.secrets.rules import Rule
    from xtask.image.secrets.search import Finding


@cache
def _rules() -> tuple[Rule, ...]:
    with tempfile.TemporaryDirectory() as folder:
        return rules(Path(folder))


def found(path: str, text: str) -> list[Finding]:
    return search(path, text.encode(), _rules())


def watch(path: str, text: str) -> Watch:
    """Return one that has seen a file in which everything is allowed."""
    findings = found(path, text)
    place = Place(Source("modules.toml", ""))
    entries = [Allowed(path, rule, "a sample", place) for rule in {each.rule for each in findings}]
    composition: Any = SimpleNamespace(allowed_secrets=entries)
    watching = Watch(composition)
    assert entries
    assert watching.sources("module `a`", findings) == []
    return watching


SHAPES = [
    (canaries.github, "fixture.py", "written.py"),
    (canaries.private_key, "fixture.pem", "key.txt"),
    (lambda seed: f"postgresql://shop:{canaries.letters(seed, 12)}@db/shop", "a.toml", "b.py"),
    (canaries.plain, ".env", "deep/.env"),
]


@pytest.mark.parametrize(("make", "path", "made"), SHAPES)
def test_an_exception_lets_only_the_very_same_text_through(make: Any, path: str, made: str) -> None:
    watching = watch(path, make("sample"))
    watching.derived("module `b`", found(f"app/site/{made}", make("sample")))
    with pytest.raises(InvalidError) as refused:
        watching.derived("module `b`", found(f"app/site/{made}", make("real")))
    assert [problem.code for problem in refused.value.problems] == ["XT0404"]
    assert watching.derived_entries() == []


@pytest.mark.parametrize("name", ["id_rsa", ".netrc", ".env.local", "store.p12"])
def test_an_exception_for_one_file_for_credentials_lets_no_other_through(name: str) -> None:
    watching = watch("modules/a/.env", "A=1")
    with pytest.raises(InvalidError):
        watching.derived("module `b`", found(f"app/site/{name}", "A=1"))


@pytest.mark.parametrize(
    "kept", ["", "[", "null", "1", "{}", '""', "[null]", "[[]]", '["a"]', '[["a", "b", 1]]']
)
def test_kept_findings_of_another_shape_are_looked_for_again(tmp_path: Path, kept: str) -> None:
    workspace, composition = Workspace(tmp_path), SimpleNamespace(allowed_secrets=())
    generated = {"a.py": canaries.github("real").encode()}
    for _ in range(2):
        with pytest.raises(InvalidError):
            look_at_generated(Watch(composition), generated, workspace)
        for file in (workspace.cache / "secrets").glob("[0-9a-f]*.json"):
            file.write_text(kept)
