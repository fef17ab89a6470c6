"""Capability modules with every key: `NESTED` in the first format, `FLAT` in the second."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.support import manifests

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from xtask.manifest.module import Module

_ABOUT: dict[str, Any] = {
    "$schema": "https://platform.example/manifest.json",
    "name": "rack-power",
    "version": "1.2.0-rc.1",
    "displayName": "Rack power",
    "description": "What each rack draws",
    "author": "Facilities",
    "license": "MIT",
    "metadata": {
        "homepage": "https://example.org",
        "repository": "https://example.org/git",
        "bugs": "https://example.org/bugs",
        "tags": ["power"],
        "category": "monitoring",
    },
}
NESTED: dict[str, Any] = {
    **_ABOUT,
    "capabilities": {
        "api": {
            "routes": [
                {
                    "method": "GET",
                    "path": "/racks/:rackId",
                    "handler": "handlers/racks.py",
                    "permissions": ["racks:read"],
                },
                {
                    "method": "POST",
                    "path": "/",
                    "handler": "./handlers/racks.py:add",
                    "description": "A new rack",
                },
            ]
        },
        "jobs": {
            "handlers": [
                {
                    "name": "sync-racks",
                    "handler": "jobs/sync.py:run",
                    "schedule": "0 */6 * * *",
                    "timeout": 300000,
                    "retries": 3,
                }
            ]
        },
        "events": {
            "listeners": [{"event": "rack.added", "handler": "handlers/racks.py:add"}],
            "emitters": ["rack.removed", {"event": "rack:moved", "payload": {}}],
        },
        "ui": {
            "pages": [
                {
                    "path": "/racks",
                    "component": "frontend/pages/Racks.tsx",
                    "title": "Racks",
                    "permissions": ["racks:read"],
                    "icon": "server",
                },
                {"path": "/racks/:id", "component": "frontend/pages/Rack", "title": "Rack"},
            ],
            "navigation": [
                {
                    "label": "Power",
                    "order": 7,
                    "icon": "bolt",
                    "children": [
                        {"label": "Racks", "path": "/racks", "permissions": ["racks:read"]},
                        {"label": "All", "path": "/racks/", "order": 1},
                        {"label": "Same", "path": "/racks"},
                    ],
                }
            ],
        },
    },
    "dependencies": {
        "modules": {"core-auth": "^1.0.0", "assets": "1.2.3"},
        "npm": {"date-fns": "^3.0.0", "@scope/chart": "1.x"},
        "system": {"node": ">=20.0.0"},
    },
    "config": {
        "schema": {
            "host": {"type": "string", "label": "Host", "required": True},
            "port": {
                "type": "number",
                "label": "Port",
                "description": "TCP",
                "validation": {"min": 1, "max": 65535, "enum": [22, 443]},
            },
            "secretKey": {"type": "password", "label": "Key"},
            "token": {"type": "string", "sensitive": True, "placeholder": "…"},
            "racks": {"type": "array", "default": ["a"]},
            "names": {"type": "object", "default": {"a": 1}},
            "zone": {"type": "string", "validation": {"pattern": "^[a-z]+$"}, "default": "eu"},
            "debug": {"type": "boolean", "default": False},
        },
        "defaults": {"port": 443, "debug": False},
    },
    "permissions": ["racks:write", "racks:read"],
}
FLAT: dict[str, Any] = {
    **_ABOUT,
    "entry": "./src/index.py",
    "routes": [{"method": "GET", "path": "/old", "handler": "src/old.py"}],
    "jobs": {
        "collect-power": {
            "name": "Collect",
            "description": "From every meter",
            "handler": "collect",
            "schedule": None,
            "timeout": 1500,
            "retries": 2,
            "config": {"batchSize": {"type": "number", "label": "Batch", "default": 5, "min": 1}},
        },
        "tidy": {"name": "Tidy", "handler": "./src/jobs.py:tidy", "schedule": "0 0 3 * * *"},
    },
    "migrations": "./src/migrations",
    "ui": {
        "entry": "frontend/Live.tsx",
        "sidebar": {
            "icon": "bolt",
            "label": "Power",
            "order": 20,
            "children": [
                {"label": "Live", "path": "/power/live", "badge": "new"},
                {"label": "History", "path": "/power/history", "icon": "clock"},
            ],
        },
        "routes": [
            {"path": "/power/live", "component": "./frontend/Live.tsx", "exact": True},
            {"path": "/power/more", "component": "frontend/More"},
        ],
    },
    "contributions": {
        "navigation": {
            "category": "monitoring",
            "items": [
                {"label": "Live", "path": "/power/live"},
                {"label": "More", "path": "/power/more", "order": 2, "icon": "plus"},
            ],
        },
    },
    "dependencies": {"date-fns": "^3.0.0", "modules": {"core-auth": "1.x || 2.0.0 - 2.4"}},
    "settings": {
        "level": {
            "type": "select",
            "label": "Level",
            "options": [{"label": "Low", "value": "low"}, {"label": "High", "value": "high"}],
            "default": "low",
        },
        "types": {"type": "json", "default": ["pdf"]},
        "extra": {"type": "json"},
    },
    "config": {"schema": {"days": {"type": "number", "min": 1, "max": 9}}, "defaults": {"days": 3}},
    "permissions": ["power:read", "network:outbound", "database:read"],
}
_HANDLERS = "from ..names import one\n\ndef handler(context): ...\n\ndef add(context): ...\n"
_ENTRY = """\
from fastapi import APIRouter

router = APIRouter()

@router.get("/live/{rack_id:int}")
async def live(rack_id: int): ...

async def collect(context): ...
"""
FILES = {
    "names.py": "one = 1\n",
    "handlers/racks.py": _HANDLERS,
    "jobs/sync.py": "def run(context): ...\n",
    "src/index.py": _ENTRY,
    "src/old.py": "def handler(context): ...\n",
    "src/jobs.py": "def tidy(context): ...\n",
    "src/migrations/001_meters.sql": "CREATE TABLE meters (id);\n",
    "src/migrations/001_meters.down.sql": "DROP TABLE meters;\n",
    "frontend/pages/Racks.tsx": "export default () => null\n",
    "frontend/pages/Rack.tsx": "export default () => null\n",
    "frontend/Live.tsx": "export default () => null\n",
    "frontend/More.jsx": "export default () => null\n",
}


def nested(
    root: Path,
    changes: Mapping[manifests.Path_, Any] | None = None,
    files: Mapping[str, str] = FILES,
) -> tuple[Module, list[str]]:
    """Read `NESTED` with some values changed, and its problems."""
    values = manifests.changed(NESTED, changes or {})
    return manifests.read(root / "rack-power", files, "manifest.json", values)


def flat(
    root: Path,
    changes: Mapping[manifests.Path_, Any] | None = None,
    files: Mapping[str, str] = FILES,
) -> tuple[Module, list[str]]:
    """Read `FLAT` with some values changed, and its problems."""
    values = manifests.changed(FLAT, changes or {})
    return manifests.read(root / "rack-power", files, "manifest.json", values)
