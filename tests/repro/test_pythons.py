"""Which Python runs xtask does not matter to a product on a base of its own.

`XTASK_TEST_PYTHONS` names other Pythons, separated by colons, in which xtask's dependencies are.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.acceptance.shop import ROOT
from tests.repro.product import files
from tests.support.bases import machine_base
from tests.support.workspace import write

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.requires("index"), pytest.mark.requires("pythons")]


def xtask(python: str, root: Path, *words: str, before: tuple[str, ...] = ()) -> Any:
    done = subprocess.run(
        [*before, python, "-m", "xtask", *words, "--json"],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(ROOT), "VIRTUAL_ENV": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.requires("unshare")
def test_two_minor_versions_of_python_give_one_digest(tmp_path: Path) -> None:
    pythons = os.environ["XTASK_TEST_PYTHONS"].split(":")
    shown = "import sys; print('.'.join(map(str, sys.version_info[:2])))"
    versions = [
        subprocess.run([python, "-c", shown], check=True, capture_output=True, text=True).stdout
        for python in (sys.executable, *pythons)
    ]
    assert len(set(versions)) > 1
    machine_base(tmp_path / "first" / "base")
    write(tmp_path / "first", files())
    text = (tmp_path / "first" / "modules.toml").read_text()
    based = text.replace("[modules]", '[image]\nbase = "oci:base"\n\n[modules]')
    (tmp_path / "first" / "modules.toml").write_text(based)
    first = xtask(sys.executable, tmp_path / "first", "build")
    for number, python in enumerate(pythons):
        root = tmp_path / str(number)
        shutil.copytree(
            tmp_path / "first", root, ignore=shutil.ignore_patterns("cache", "bundles", "records*")
        )
        built = xtask(python, root, "build")
        assert built["manifest_hash"] == first["manifest_hash"]
        assert built["image_digest"] == first["image_digest"]
    shutil.rmtree(tmp_path / "first" / "base")
    alone = ("unshare", "--map-root-user", "--net")
    again = xtask(sys.executable, tmp_path / "first", "verify", "--rebuild", before=alone)
    assert again["rebuild"]["image_digest"] == first["image_digest"]
