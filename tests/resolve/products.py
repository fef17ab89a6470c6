"""Builds modules and compositions from a few words, without manifests."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from xtask.diagnostics import Place, Problems, Source
from xtask.manifest.composition import read_composition
from xtask.manifest.module import EntryPoint, Module, Requirement
from xtask.resolve.select import Selection, select

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from xtask.manifest.composition import Composition

CODE = EntryPoint("code", "name")


@cache
def source(name: str) -> Source:
    """Return the manifest of a module: the same one for the same name."""
    return Source(f"{name}/module.toml", pair="{} = …")


def at(name: str, *key: str | int) -> Place:
    """Return a place in the manifest of a module."""
    return Place(source(name), key)


def module(name: str, **parts: Any) -> Module:
    """Return a module that brings these parts, and nothing else."""
    known: dict[str, Any] = {
        "version": "1.0.0",
        "description": "",
        "license": None,
        "package": name.replace("-", "_"),
        "dialect": "native",
        "place": at(name),
    }
    return Module(name, **(known | parts))


def named(owner: str, key: str, *names: str, versions: str = "") -> tuple[Requirement, ...]:
    """Return what a module says of others under one key of its manifest."""
    return tuple(Requirement(name, versions, at(owner, key, name)) for name in names)


def composition(root: Path, names: Iterable[str], text: str = "") -> Composition:
    """Return a composition of modules of these names; `text` adds to `modules.toml`."""
    lines = "".join(f'{name} = {{ path = "{name}" }}\n' for name in names)
    path = root / "modules.toml"
    path.write_text(f'schema = 1\napp = "shop"\n{text}\n[modules]\n{lines}')
    problems = Problems()
    found = read_composition(path, problems)
    assert found, problems.found
    assert problems.found == []
    return found


def selected(root: Path, modules: Iterable[Module], text: str = "") -> tuple[Selection, Problems]:
    """Return what is selected of modules, and everything wrong with them."""
    known = {module.name: module for module in modules}
    problems = Problems()
    return select(composition(root, known, text), known, problems), problems


def said(problems: Problems) -> list[tuple[str, str]]:
    """Return code and message of each problem, sorted."""
    return sorted((problem.code, problem.message) for problem in problems.found)
