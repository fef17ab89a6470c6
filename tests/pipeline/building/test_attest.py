"""What a bill of materials says of layers that do not agree."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

from xtask.image.evidence.distributions import Licences
from xtask.image.evidence.sbom import sbom
from xtask.pipeline.building.attest import Made, contents, described

if TYPE_CHECKING:
    from pathlib import Path

# A set of as many pairs has them all in one order by accident in one of a million processes.
NAMES = [f"package{number}" for number in range(20)]
LICENCES = {"linux/amd64": "MIT", "linux/arm64": "MIT OR Apache-2.0"}


def made(folder: Path, *platforms: str) -> Made:
    """Return a build whose wheels have, for each platform, another licence of every package."""
    for platform in platforms:
        for name in NAMES:
            path = folder / platform / f"{name}-1.0.dist-info" / "METADATA"
            path.parent.mkdir(parents=True, exist_ok=True)
            said = f"Name: {name}\nVersion: 1.0\nLicense-Expression: {LICENCES[platform]}\n\n"
            path.write_text(said)
    composition = SimpleNamespace(app="shop", app_version=None, repository="localhost/shop")
    selection = SimpleNamespace(composition=composition, modules=(), needs={})
    lock = SimpleNamespace(modules=(), package=lambda _name: None)
    plan = SimpleNamespace(
        selection=selection, lock=lock, sources={}, bases=(), manifest_hash="sha256:" + "1" * 64
    )
    layers = {one: {"wheels": SimpleNamespace(site=folder / one)} for one in platforms}
    image = SimpleNamespace(digest="sha256:" + "2" * 64)
    planned = SimpleNamespace(plan=plan)
    there = described(cast("Any", layers))
    return Made(cast("Any", planned), cast("Any", image), {}, {}, there)


def test_of_two_descriptions_of_a_package_the_same_one_counts_everywhere(tmp_path: Path) -> None:
    found = contents(made(tmp_path, *LICENCES))
    assert [one.name for one in found.packages] == sorted(NAMES)
    assert {one.licences for one in found.packages} == {Licences(expression="MIT OR Apache-2.0")}


def test_the_order_of_platforms_does_not_change_the_bytes(tmp_path: Path) -> None:
    bills = {
        sbom(contents(made(tmp_path, *platforms))) for platforms in (LICENCES, reversed(LICENCES))
    }
    assert len(bills) == 1
