"""Writes tiny workspaces: a composition and its modules from a few words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xtask.errors import InvalidError
from xtask.pipeline.composing.compose import compose
from xtask.settings import Workspace

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from xtask.diagnostics import Diagnostic, Problems
    from xtask.resolve.select import Selection

PAGE = "export function render() {}\n"


def write(root: Path, files: Mapping[str, str | bytes]) -> Path:
    """Write files by relative path and return the folder."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return root


def module(name: str, text: str = "", *, version: str = "1.0.0", head: str = "") -> dict[str, str]:
    """Return the files of a module without anything to import; `head` adds to `[module]`."""
    package = name.replace("-", "_")
    return {
        f"{name}/module.toml": f'[module]\nname = "{name}"\nversion = "{version}"\n{head}\n{text}',
        f"{name}/pyproject.toml": project(name, version=version),
        f"{name}/src/{package}/__init__.py": "",
        f"{name}/src/{package}/static/page.js": PAGE,
    }


def project(name: str, *, version: str = "1.0.0", dependencies: tuple[str, ...] = ()) -> str:
    """Return a pyproject.toml that hatchling builds."""
    listed = ", ".join(f'"{text}"' for text in dependencies)
    return (
        '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n\n'
        f'[project]\nname = "{name}"\nversion = "{version}"\ndependencies = [{listed}]\n\n'
        f'[tool.hatch.build.targets.wheel]\npackages = ["src/{name.replace("-", "_")}"]\n'
    )


def composition(*names: str, text: str = "") -> dict[str, str]:
    """Return `modules.toml` with modules in folders of their own names, in this order."""
    lines = "".join(f'{name} = {{ path = "{name}" }}\n' for name in names)
    return {"modules.toml": f'schema = 1\napp = "shop"\n\n[modules]\n{lines}\n{text}'}


def selection(root: Path) -> Selection:
    """Return what a valid workspace composes."""
    return compose(Workspace(root)).selection


def problems(root: Path) -> tuple[Diagnostic, ...]:
    """Return what is wrong with a workspace, nothing when nothing is."""
    try:
        compose(Workspace(root))
    except InvalidError as error:
        return error.problems
    return ()


def no_problems(found: Problems) -> None:
    """Fail with every problem in words."""
    assert [(problem.code, problem.message) for problem in found.found] == []
