"""The command line as a user has it: a process, a folder, two streams and an exit code."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import xtask
from tests.support.once import made_once

if TYPE_CHECKING:
    import pytest

ROOT = Path(xtask.__file__).parents[1]


@dataclass(frozen=True)
class Said:
    """What one command line answered."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)


@dataclass(frozen=True)
class Workspace:
    """A folder to call xtask in, and the environment to do it with."""

    root: Path
    environ: dict[str, str] = field(default_factory=dict)
    umask: int = 0o022

    def xtask(self, *words: str, **environ: str) -> Said:
        said = self.run(*words, **environ)
        assert "Traceback" not in said.err, said.err
        return said

    def run(self, *words: str, **environ: str) -> Said:
        """Call it where a traceback of a module's own code may be shown."""
        done = subprocess.run(
            [sys.executable, "-m", "xtask", *words],
            cwd=self.root,
            env={**os.environ, "PYTHONPATH": str(ROOT), **self.environ, **environ},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            umask=self.umask,
            timeout=300,
            check=False,
        )
        return Said(done.returncode, done.stdout, done.stderr)

    def built(self, *words: str) -> Any:
        said = self.xtask("build", "--json", *words)
        assert said.code == 0, said.err
        return said.document

    def copy(self, root: Path) -> Workspace:
        """Copy it with what its builds downloaded and made, without what they recorded."""
        shutil.copytree(self.root, root, symlinks=True)
        for path in (root / "releases").glob("records.sqlite3*"):
            path.unlink()
        shutil.rmtree(root / "releases" / "bundles")
        shutil.rmtree(root / "generated")
        return Workspace(root)

    def edit(self, path: str, old: str, new: str) -> None:
        text = (self.root / path).read_text()
        assert old in text
        (self.root / path).write_text(text.replace(old, new, 1))

    def committed(self) -> dict[str, bytes]:
        """Everything outside `releases/`, by path."""
        return {
            str(path.relative_to(self.root)): path.read_bytes()
            for path in sorted(self.root.rglob("*"))
            if path.is_file() and "releases" not in path.relative_to(self.root).parts
        }


def copy_of_reference_application(target: Path) -> Path:
    listing = subprocess.run(
        ["git", "ls-files", "-z", "modules", "modules.toml", "modules.lock", "generated"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in listing.stdout.split("\0"):
        if name and (ROOT / name).exists():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, target / name)
    return target


# A route of each module of the reference application, or a path of the pages that it has.
ROUTES = {
    "server": "/healthz",
    "content": "/api/content/articles",
    "commerce": "/api/commerce/products",
    "pages": "/api/pages/entries",
    "databases": "/api/modules/databases/instances",
    "crm": "/api/v1/crm/stages",
    "invoices": "/api/v1/invoices/health",
    "vmware-vcenter": "/api/v1/modules/vmware-vcenter/vms",
    "metrics": "/metrics",
}


def built_reference_application(factory: pytest.TempPathFactory) -> Workspace:
    """The reference application, built once in a run, to copy."""

    def build(root: Path) -> None:
        Workspace(copy_of_reference_application(root)).built()

    return Workspace(made_once(factory, "reference", build))


SHOP = {
    "modules.toml": """\
# A shop as small as it gets.
schema = 1
app = "shop"

[modules]
host = { path = "modules/host", required = true }
cart = { path = "modules/cart" }   # needs the host

[settings.modules.cart]
currency = "EUR"

[environments.staging]
rank = 1

[environments.prod]
rank = 2
requires = ["staging"]
""",
    "modules/host/module.toml": """\
[module]
name = "host"
version = "1.0.0"

[host]
main = "host:run"
""",
    "modules/host/src/host/__init__.py": "def run() -> None:\n    print('served')\n",
    "modules/cart/module.toml": """\
[module]
name = "cart"
version = "1.0.0"
description = "What somebody is about to buy"

[requires]
host = "^1.0"

[[api.routers]]
prefix = "/api/cart"
router = "cart.api:router"

[settings.currency]
type = "string"
default = "EUR"
""",
    "modules/cart/src/cart/__init__.py": "",
    "modules/cart/src/cart/api.py": "router = object()\n",
}
PROJECT = """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "{name}"
version = "1.0.0"

[tool.hatch.build.targets.wheel]
packages = ["src/{name}"]
"""


def write_shop(root: Path) -> Workspace:
    files = SHOP | {
        f"modules/{name}/pyproject.toml": PROJECT.format(name=name) for name in ("host", "cart")
    }
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return Workspace(root)


def built_shop(factory: pytest.TempPathFactory) -> Workspace:
    """The shop, built once in a run, to copy."""
    return Workspace(
        made_once(factory, "shop", lambda root: write_shop(root).built("--reason", "first"))
    )


def with_own_back_end(shop: Workspace, name: str, code: str) -> None:
    """Let a module of the shop build its wheel itself, with nothing installed (PEP 517)."""
    path = f"modules/{name}/pyproject.toml"
    shop.edit(path, '["hatchling"]', "[]")
    shop.edit(path, '"hatchling.build"', '"backend"\nbackend-path = ["."]')
    (shop.root / f"modules/{name}/backend.py").write_text(code)
