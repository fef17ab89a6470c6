"""Make the reference modules importable from their sources, and serve a registry in a test."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Protocol

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastapi.testclient import TestClient
    from server.registry import Module

_MODULES = Path(__file__).parent


def _import_as(package: str, folder: Path) -> None:
    """Import a folder that is a package under its name in the product, and only under that one."""
    spec = spec_from_file_location(
        package, folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    assert spec
    assert spec.loader
    # pytest looks for it under the name that its path gives it.
    sys.modules[package] = sys.modules[folder.name] = module_from_spec(spec)
    spec.loader.exec_module(sys.modules[package])


for _source in sorted(_MODULES.glob("*/src"), reverse=True):
    sys.path.insert(0, str(_source))
sys.path.append(str(_MODULES.parent))  # for the generated registry
sys.modules["app.modules"] = ModuleType("app.modules")  # `app` has other parts in the host
_import_as("app.modules.invoices", _MODULES / "invoices")
for _name in ("crm", "databases", "vmware-vcenter"):
    _import_as(f"modules.{_name.replace('-', '_')}", _MODULES / _name)

TOKEN = "a-token-for-tests"  # noqa: S105 - grants nothing anywhere else


class Serve(Protocol):
    """Starts an application made of modules and returns a client of it."""

    def __call__(self, *modules: Module, **environ: str) -> TestClient: ...


class Composed(Protocol):
    """Returns modules of the product as their manifests describe them, in the product's order."""

    def __call__(self, *names: str) -> tuple[Module, ...]: ...


@pytest.fixture(scope="session")
def composed() -> Composed:
    """Return modules as they are in the generated registry."""
    from generated.registry import MODULES  # noqa: PLC0415 - after the path is set

    def find(*names: str) -> tuple[Module, ...]:
        found = tuple(module for module in MODULES if module.name in names)
        assert {module.name for module in found} == set(names)
        return found

    return find


@pytest.fixture
def admin() -> dict[str, str]:
    """Return the header that grants every permission."""
    return {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Serve modules with a database of the test's own; everything is stopped afterwards."""
    from fastapi.testclient import TestClient  # noqa: PLC0415 - after the path is set
    from server.app import create_app  # noqa: PLC0415
    from server.registry import Registry  # noqa: PLC0415

    with ExitStack() as stack:

        def start(*modules: Module, **environ: str) -> TestClient:
            settings = {"DATA_DIR": str(tmp_path), "ADMIN_TOKEN": TOKEN} | environ
            app = create_app(Registry("test-shop", modules), environ=settings)
            return stack.enter_context(TestClient(app, follow_redirects=False))

        yield start
