"""A module's `pyproject.toml`: only what composing needs to know of it, read as data."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from xtask.diagnostics import Place, Problems
from xtask.manifest.module import Dependency
from xtask.manifest.notation.toml import read_toml, toml_text, toml_texts
from xtask.manifest.table import Table

if TYPE_CHECKING:
    from xtask.manifest.folder import Folder
    from xtask.manifest.module import App, Hook, Job, Module, Router

# What a project without a [build-system] table is built with (PEP 518, PEP 517).
_DEFAULT_BUILD_REQUIRES = ("setuptools>=40.8.0",)
_PROJECT_HELP = "code comes from a Python project: add a pyproject.toml beside the manifest"
# What writes the wheel of a folder that has no project.
_WRITTEN_REQUIRES = ("hatchling>=1.25",)
_WRITTEN_PYTHON = ">=3.11"
_DEFAULT_BACK_END = "setuptools.build_meta:__legacy__"
_PYTHON_VERSION = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+(-(alpha|beta|rc)(\.?[0-9]+)?(?![^+]))?")


def with_project(module: Module, folder: Folder, problems: Problems) -> Module:
    """Return the module with what its `pyproject.toml` says; unchanged when there is none.

    A folder that is itself a package gets a project that xtask writes, see `written_project`.
    """
    if module.is_package:
        return replace(
            module,
            distribution=f"modules-{module.name}".replace("_", "-"),
            build_requires=_WRITTEN_REQUIRES,
            build_back_end="hatchling.build",
        )
    path = folder.root / "pyproject.toml"
    if not path.exists():
        _require_no_code(module, problems)
        return module
    read = read_toml(path, f"{folder.shown}/pyproject.toml", problems)
    if read is None:
        return module
    document = Table(read[1], Place(read[0]), problems, "`pyproject.toml`")
    project, build = document.table("project"), document.table("build-system")
    _check_version(module, project)
    if "dependencies" in project.texts("dynamic"):
        project.wrong(
            "XT0208",
            "`dependencies` must be written down, not dynamic",
            "dynamic",
            help="list them in `[project]`: they are read without running the build back end",
        )
    requires = build.texts("requires") if "requires" in build else _DEFAULT_BUILD_REQUIRES
    return replace(
        module,
        distribution=project.text("name", default=module.name),
        distributed=project.place.at("name"),
        dependencies=tuple(
            Dependency(text, project.place.at("dependencies", index))
            for index, text in enumerate(project.texts("dependencies"))
        ),
        build_requires=tuple(sorted(requires)),
        build_back_end=_back_end(build),
    )


def written_project(module: Module) -> str:
    """Return the `pyproject.toml` of a folder that is itself a package.

    The folder lies beside it as the path of the package, such as `modules/shop`. What is above it
    has no `__init__.py`, so that many modules share the namespace (PEP 420). Its tests stay out of
    the wheel: the product has not what they import.
    """
    folder = module.package.replace(".", "/")
    return "\n".join(
        [
            "[build-system]",
            f"requires = {toml_texts(_WRITTEN_REQUIRES)}",
            'build-backend = "hatchling.build"',
            "[project]",
            f"name = {toml_text(module.distribution or module.name)}",
            f"version = {toml_text(_written_version(module))}",
            f"requires-python = {toml_text(_WRITTEN_PYTHON)}",
            f"dependencies = {toml_texts(item.text for item in module.dependencies)}",
            "[tool.hatch.build]",
            "ignore-vcs = true",
            "[tool.hatch.build.targets.wheel]",
            f"only-include = {toml_texts([folder])}",
            f"exclude = {toml_texts([f'/{folder}/tests/'])}",
            "",
        ]
    )


def _written_version(module: Module) -> str:
    """Return a module's version as far as Python's packages can have it (PEP 440)."""
    found = _PYTHON_VERSION.match(module.version or "")
    return found[0] if found else "0"


def _back_end(build: Table) -> str:
    """Return what builds the wheel; one from the module's own folder is like no other (PEP 517)."""
    name = build.text("build-backend", default=_DEFAULT_BACK_END)
    return " in ".join((name, *build.texts("backend-path")))


def _check_version(module: Module, project: Table) -> None:
    version = project.optional_text("version")
    if version is not None and module.version and version != module.version:
        project.problems.add(
            "XT0209",
            f"`{module.name}` has two versions",
            project.place.at("version"),
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
            help=_PROJECT_HELP,
        )
    if module.host and module.host.module:
        place = module.place._replace(key=("host", "main"))
        message = f"`{module.host}` cannot be started: `{module.name}` has no pyproject.toml"
        problems.add("XT0211", message, place, help=_PROJECT_HELP)
