"""A whole module of each dialect, from the golden products, and its manifest written anew."""

from __future__ import annotations

import ast
import json
import tomllib
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import tomlkit

from xtask.diagnostics import Place

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from xtask.manifest.module import Module

GOLDEN = Path(__file__).parents[1] / "golden"


class Example(NamedTuple):
    """A folder with a module, the dialect that it is in, and the name of its manifest."""

    dialect: str
    folder: Path
    filename: str

    def read(self) -> dict[str, Any]:
        """Return what the manifest says."""
        source = (self.folder / self.filename).read_text()
        return dict(_READERS[Path(self.filename).suffix](source))


EXAMPLES = {
    "native": Example("native", GOLDEN / "one_module_of_each_kind/content", "module.toml"),
    "flux": Example("flux", GOLDEN / "flux/databases", "module.json"),
    "fastvue": Example("fastvue", GOLDEN / "fastvue/crm", "__manifest__.py"),
    "capability": Example("capability", GOLDEN / "capability/rack-power", "manifest.json"),
    "capability_flat": Example("capability", GOLDEN / "capability/power-meter", "manifest.json"),
    "bmc": Example("bmc", GOLDEN / "bmc/invoice_ocr", "module.json"),
    "rustok": Example("rustok", GOLDEN / "rustok/blog", "rustok-module.toml"),
}

_READERS: dict[str, Callable[[str], Mapping[str, Any]]] = {
    ".json": json.loads,
    ".py": ast.literal_eval,
    ".toml": tomllib.loads,
}


def written(values: Mapping[str, Any], filename: str, indent: int | None = None) -> str:
    """Return values in the notation of a file name; an indent changes the layout of JSON."""
    if filename.endswith(".json"):
        return json.dumps(values, indent=indent, ensure_ascii=bool(indent))
    return tomlkit.dumps(values) if filename.endswith(".toml") else repr(values)


def facts_of(module: Module) -> dict[str, object]:
    """Return a module as plain values: parts have no place and no order, which resolving gives."""
    found = {field.name: _plain(getattr(module, field.name)) for field in fields(module)}
    return {
        key: sorted(value, key=repr) if isinstance(value, list) else value
        for key, value in found.items()
    }


def _plain(value: object) -> object:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, Place) or not isinstance(value, list | tuple):
        return None if isinstance(value, Place) else value
    return [_plain(item) for item in value]
