"""What the manifests promise is there: versions, objects, pages and both ways of a migration."""

from __future__ import annotations

import tomllib
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastapi.testclient import TestClient

    Serve = Callable[..., TestClient]

ROOT = Path(__file__).parent
NAMES = sorted(path.parent.name for path in ROOT.glob("*/module.toml"))
MIGRATIONS = sorted(
    {str(path.parent.relative_to(ROOT)) for path in ROOT.glob("**/migrations/*.sql")}
)


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


@pytest.mark.parametrize("folder", MIGRATIONS)
def test_every_migration_can_be_undone(folder: str) -> None:
    from server.database import connect  # noqa: PLC0415 - after the path is set

    ups = sorted(path for path in (ROOT / folder).iterdir() if not path.match("*.down.sql"))
    with connect(Path(":memory:")) as connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        for up in ups:
            connection.executescript(up.read_text())
        for up in reversed(ups):
            down = f"{up.stem.removesuffix('.up')}.down.sql"
            connection.executescript(up.with_name(down).read_text())
        left = connection.execute(
            "SELECT name FROM sqlite_schema WHERE name NOT LIKE 'sqlite@_%' ESCAPE '@'"
        )
        assert left.fetchall() == []


def test_the_product_starts_and_serves_the_file_of_every_page(serve: Serve) -> None:
    from generated.registry import MODULES  # noqa: PLC0415 - after the path is set

    client = serve(*MODULES)
    assert client.get("/readyz").json() == {"ready": True, "problems": []}
    routes = client.get("/api/_routes").json()["routes"]
    owners = {route["module"] for route in routes}
    assert owners == {module.name for module in MODULES if module.pages}
    for route in routes:
        assert client.get(route["path"]).status_code == 200
        assert client.get(route["entry"]).status_code == 200
