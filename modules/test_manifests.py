"""What the manifests promise is there: versions, objects, pages and both ways of a migration."""

from __future__ import annotations

import tomllib
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent
NAMES = sorted(path.parent.name for path in ROOT.glob("*/module.toml"))


def _read(path: Path) -> Any:  # noqa: ANN401 - a TOML document
    return tomllib.loads(path.read_text(encoding="utf-8"))


def _references(manifest: Any) -> list[str]:  # noqa: ANN401
    found = [manifest["host"]["main"]] if "host" in manifest else []
    found += [item["router"] for item in manifest.get("api", {}).get("routers", [])]
    found += [item["app"] for item in manifest.get("api", {}).get("apps", [])]
    return found + [item["run"] for kind in ("jobs", "hooks") for item in manifest.get(kind, [])]


@pytest.mark.parametrize("name", NAMES)
def test_the_package_has_the_name_and_version_of_the_manifest(name: str) -> None:
    module = _read(ROOT / name / "module.toml")["module"]
    project = _read(ROOT / name / "pyproject.toml")["project"]
    keys = ("name", "version", "description", "license")
    assert {key: module[key] for key in keys} == {key: project[key] for key in keys}


@pytest.mark.parametrize("name", [*(f"{name}/module.toml" for name in NAMES), "metrics.toml"])
def test_every_object_that_a_manifest_names_can_be_called_or_mounted(name: str) -> None:
    references = _references(_read(ROOT / name))
    assert references
    for reference in references:
        module, _, attribute = reference.partition(":")
        assert callable(getattr(import_module(module), attribute))


@pytest.mark.parametrize("name", NAMES)
def test_every_page_has_its_entry_file(name: str) -> None:
    manifest = _read(ROOT / name / "module.toml")
    folder = ROOT / name / "src" / manifest["module"]["package"] / manifest["assets"]["directory"]
    for route in manifest["frontend"]["routes"]:
        assert "export async function render(" in (folder / route["entry"]).read_text()


@pytest.mark.parametrize("name", NAMES)
def test_every_migration_can_be_undone(name: str) -> None:
    from server.database import connect  # noqa: PLC0415 - after the path is set

    folder = ROOT / name / "src" / name / "migrations"
    ups = sorted(folder.glob("*.up.sql"))
    with connect(Path(":memory:")) as connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        for up in ups:
            connection.executescript(up.read_text())
        for up in reversed(ups):
            down = up.with_name(up.name.replace(".up.", ".down."))
            connection.executescript(down.read_text())
        assert connection.execute("SELECT name FROM sqlite_schema").fetchall() == []
