"""Writes a whole Flux module called `databases`, and reads it with some keys changed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.support import workspace
from xtask.diagnostics import Problems
from xtask.manifest.dialects import read_module

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from xtask.manifest.module import Module

MANIFEST: dict[str, Any] = {
    "module_id": "620600",
    "name": "databases",
    "table_prefix": "620600_databases",
    "display_name": "Database Management",
    "version": "2.0.6",
    "description": "Databases on demand",
    "author": "Flux Team",
    "license": "MIT",
    "min_app_version": "1.2.0",
    "hooks": {"on_user_removed": "services.users:forget", "after_module_enable": "hooks:on_enable"},
    "permissions": [
        {
            "name": "databases:read",
            "display_name": "View Databases",
            "description": "View databases and their health",
            "resource": "databases",
            "action": "read",
        },
        {"name": "databases:write", "display_name": "Manage Databases"},
    ],
    "navigation": [
        {
            "menu": "main",
            "title": "Databases",
            "path": "/databases",
            "icon": "Database",
            "required_permission": "databases:read",
        },
        {"menu": "admin", "title": "Plans", "path": "/databases/plans/"},
    ],
    "dependencies": ["networks", {"name": "backups", "version": "^2.1"}],
    "frontend": {"enabled": True, "entry": "frontend/pages/DatabasesPage.tsx"},
}
ROUTES = """\
from module_sdk import ModuleRouter
from .services import users

router = ModuleRouter("databases")

@router.get("/{database_id}")
async def one(database_id: int): ...

@router.post("/")
async def add(): ...
"""
FILES = {
    "__init__.py": '__version__ = "2.0.6"\n',
    "routes.py": ROUTES,
    "hooks.py": "async def on_enable(data: dict, context) -> dict:\n    return {}\n",
    "services/__init__.py": "",
    "services/users.py": "from .. import __version__\nasync def forget(data, context): ...\n",
    "frontend/pages/DatabasesPage.tsx": "export default () => null\n",
    "migrations/001_initial.sql": '-- tables\nCREATE TABLE "620600_databases_hosts" (id);\n',
    "migrations/001_initial.down.sql": 'DROP TABLE "620600_databases_hosts";\n',
    "tests/test_routes.py": "import fastapi, modules.networks\n",
}


class Found(NamedTuple):
    """A problem as tests compare it: where, which, and what it says."""

    where: str
    code: str
    message: str


def read(root: Path, files: Mapping[str, str], **keys: object) -> tuple[Module, list[Found]]:
    """Read a module in a folder `databases` whose manifest has some keys changed."""
    values = {key: value for key, value in {**MANIFEST, **keys}.items() if value is not ...}
    text = json.dumps(values, indent=2, ensure_ascii=False)
    workspace.write(root, {"module.json": text, **files})
    problems = Problems()
    module = read_module(root, "databases", problems)
    assert module
    found = [
        Found(
            "{}:{}:{}".format(item.place.source.path, *item.place.span()[:2]),
            f"{item.code} {item.severity}",
            item.message,
        )
        for item in problems.found
    ]
    return module, sorted(found)


def codes(root: Path, files: Mapping[str, str], **keys: object) -> list[str]:
    return [item.code for item in read(root, files, **keys)[1]]
