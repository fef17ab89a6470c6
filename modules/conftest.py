"""Make the reference modules importable from their sources, and serve a registry in a test."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastapi.testclient import TestClient
    from server.registry import Module

for _source in sorted(Path(__file__).parent.glob("*/src"), reverse=True):
    sys.path.insert(0, str(_source))

TOKEN = "a-token-for-tests"  # noqa: S105 - grants nothing anywhere else


class Serve(Protocol):
    """Starts an application made of modules and returns a client of it."""

    def __call__(self, *modules: Module, **environ: str) -> TestClient: ...


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
