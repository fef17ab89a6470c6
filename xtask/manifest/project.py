"""A module's `pyproject.toml`: only what composing needs to know of it, read as data."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from xtask.diagnostics import Place, Problems
from xtask.manifest.toml import read_toml

if TYPE_CHECKING:
    from pathlib import Path

    from xtask.manifest.module import App, Hook, Job, Module, Router

from xtask.manifest.module import Dependency

# What a project without a [build-system] table is built with (PEP 518, PEP 517).
_DEFAULT_BUILD_REQUIRES = ("setuptools>=40.8.0",)
_DEFAULT_BACK_END = "setuptools.build_meta:__legacy__"


def with_project(module: Module, root: Path, shown: str, problems: Problems) -> Module:
    """Return the module with what its `pyproject.toml` says; unchanged when there is none."""
    path = root / "pyproject.toml"
    if not path.exists():
        _require_no_code(module, problems)
        return module
    read = read_toml(path, f"{shown}/pyproject.toml", problems)
    if read is None:
        return module
    place, project = Place(read[0]), _table(read[1], "project")
    _check_version(module, project, place, problems)
    if "dependencies" in project.get("dynamic", ()):
        problems.add(
            "XT0208",
            "`dependencies` must be written down, not dynamic",
            place.at("project", "dynamic"),
            help="requirements are read without running the build back end",
        )
    build = _table(read[1], "build-system")
    return replace(
        module,
        distribution=str(project.get("name", module.name)),
        dependencies=tuple(
            Dependency(str(text), place.at("project", "dependencies", index))
            for index, text in enumerate(project.get("dependencies", ()))
        ),
        build_requires=tuple(sorted(build.get("requires", _DEFAULT_BUILD_REQUIRES))),
        build_back_end=str(build.get("build-backend", _DEFAULT_BACK_END)),
    )


def _check_version(
    module: Module, project: dict[str, Any], place: Place, problems: Problems
) -> None:
    version = project.get("version")
    if version is not None and module.version and version != module.version:
        problems.add(
            "XT0209",
            f"`{module.name}` has two versions",
            place.at("project", "version"),
            f"{version} here",
            others=[(module.place.at("version"), f"{module.version} here")],
            help="the two must be equal: a release is named once",
        )


def _require_no_code(module: Module, problems: Problems) -> None:
    """A module without a Python project cannot name anything to import."""
    parts: tuple[Router | App | Job | Hook, ...] = (
        *module.routers,
        *module.apps,
        *module.jobs,
        *module.hooks,
    )
    for part in parts:
        problems.add(
            "XT0211",
            f"`{part.target.module}` cannot be built: `{module.name}` has no pyproject.toml",
            part.place,
        )
    if module.host:
        problems.add("XT0211", f"the host `{module.name}` has no pyproject.toml", module.place)


def _table(values: dict[str, Any], key: str) -> dict[str, Any]:
    found = values.get(key)
    return found if isinstance(found, dict) else {}
