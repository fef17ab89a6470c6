"""Writes a whole BMC module, the `invoice_ocr` of these tests, and reads it with changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.support import manifests

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from xtask.manifest.module import Module

MANIFEST: dict[str, Any] = {
    "name": "invoice_ocr",
    "version": "1.4.0",
    "description": "Reads scanned invoices",
    "author": "BMC Networks",
    "license": "MIT",
    "enabled": True,
    "dependencies": ["customers", {"name": "billing", "version": "^2.0"}],
    "table_prefix": "inv_ocr_",
    "api_prefix": "/api/v1/invoice_ocr",
    "routes_prefix": "/invoices",
    "tags": ["OCR"],
    "features": ["scan"],
    "permissions": ["invoices:write", "invoices:read"],
    "config": {
        "safety_switches": {"read_only": True, "dry_run": True},
        "page_limit": 20,
        "language": "da",
    },
}
ROUTER = """\
from fastapi import APIRouter

router = APIRouter()

@router.get("/health")
async def health(): ...

@router.post("/scan")
async def scan(): ...
"""
VIEWS = """\
from fastapi import APIRouter

router = APIRouter()

@router.get("/{invoice_id}")
async def page(invoice_id: int): return f"{{invoice_id}}"
"""
FILES = {
    "README.md": "# Invoice OCR\n",
    "__init__.py": "",
    "backend/__init__.py": "",
    "backend/router.py": ROUTER,
    "frontend/__init__.py": "",
    "frontend/views.py": VIEWS,
    "templates/index.html": "<h1>{{ title }}</h1>\n",
    "migrations/001_init.sql": "CREATE TABLE inv_ocr_pages (id);\n",
    "migrations/001_init.down.sql": "DROP TABLE inv_ocr_pages;\n",
}


def read(
    root: Path,
    changes: Mapping[manifests.Path_, Any] | None = None,
    files: Mapping[str, str | None] | None = None,
    folder: str = "invoice_ocr",
) -> tuple[Module, list[str]]:
    """Read the module with some values and files changed; None for a file that is not there."""
    values = manifests.changed(MANIFEST, changes or {})
    kept = {name: text for name, text in {**FILES, **(files or {})}.items() if text is not None}
    return manifests.read(root / folder, kept, "module.json", values)
