"""`render` as somebody types it who deploys with another tool."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import yaml

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.office import Office

TO = ("--to", "staging", "--target")


@pytest.mark.parametrize("target", ["kubernetes", "compose", "swarm"])
def test_the_same_build_is_the_same_text_and_nothing_is_written(
    office: Office, target: str
) -> None:
    before = office.files()
    first, second = (office.says("render", office.builds[0], *TO, target) for _ in range(2))
    assert (first.code, first.out) == (0, second.out)
    assert list(yaml.safe_load_all(first.out))
    assert office.files() == before


def test_the_file_in_a_folder_is_the_text_on_standard_output(
    office: Office, tmp_path: Path
) -> None:
    words = ("render", office.builds[0], *TO, "kubernetes")
    shown, folder = office.says(*words).out, tmp_path / "deploy" / "staging"
    written = office.done(*words, "--output", str(folder))
    assert written["path"] == str(folder / "kubernetes.yaml")
    assert (folder / "kubernetes.yaml").read_text() == written["content"] == shown


def test_an_environment_or_a_build_that_is_not_there_is_said(office: Office) -> None:
    unknown = office.says("render", office.builds[0], "--to", "moon", "--target", "swarm")
    assert (unknown.code, unknown.out) == (2, "")
    assert "no environment `moon`" in unknown.err
    assert office.says("render", "f" * 12, *TO, "swarm").code == 6
    assert office.says("render", office.builds[0], *TO, "heroku").code == 2
