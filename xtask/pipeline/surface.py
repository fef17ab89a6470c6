"""What code and files of a module promise beside its manifest: kept with a build, for comparing."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from xtask.diagnostics import Problems
from xtask.digest import sha256_file
from xtask.manifest.code import read_code
from xtask.manifest.dialects.native import package_root
from xtask.manifest.folder import Folder

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from xtask.manifest.module import EntryPoint, Module

# What takes something away from a table that code may still ask for.
_REMOVES = re.compile(r"\b(?:DROP\s+(?:TABLE|COLUMN)|RENAME\s+(?:TO|COLUMN))\b", re.IGNORECASE)


def surfaces(modules: Iterable[Module]) -> dict[str, dict[str, Any]]:
    """Return for each module that has a folder what its facts do not say, as JSON values."""
    return {
        module.name: _surface(module, _package(module, module.root))
        for module in modules
        if module.root is not None
    }


def _surface(module: Module, package: Path) -> dict[str, Any]:
    operations = sorted({(item.path, item.method) for item in module.operations})
    return {
        "operations": [{"method": method, "path": path} for path, method in operations],
        "tables": sorted({table.name for table in module.tables}),
        "requires": sorted({item.module for item in module.requires}),
        "app_range": module.app_range.text if module.app_range else None,
        "migrations": [
            {
                "up": step.up,
                "removes": bool(_REMOVES.search((package / step.up).read_text("utf-8", "replace"))),
                "content": [sha256_file(package / path) for path in (step.up, step.down)],
            }
            for step in module.migrations
        ],
        "hooks": [
            {
                "event": hook.event,
                "target": str(hook.target),
                "signature": _signature(hook.target, module, package),
            }
            for hook in sorted(module.hooks, key=lambda hook: (hook.event, str(hook.target)))
        ],
    }


def _package(module: Module, root: Path) -> Path:
    """Return the folder of a module's import package."""
    return root if module.is_package else package_root(root, module.package)


def _signature(target: EntryPoint, module: Module, package: Path) -> str:
    """Return how a function is called, nothing when it is defined elsewhere."""
    steps = target.module[len(module.package) :].strip(".").replace(".", "/")
    paths = [f"{steps}/__init__.py".lstrip("/"), f"{steps}.py"]
    folder = Folder(package, module.name)
    for path in paths:
        code = read_code(folder, path, Problems())
        found = [item for item in code.functions if item.name == target.attribute] if code else []
        if found:
            kind = "async " if found[-1].is_async else ""
            return f"{kind}({', '.join(found[-1].parameters)})"
    return ""
