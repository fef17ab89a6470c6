"""The Rust crate beside a `rustok-module.toml`: its `Cargo.toml` and what its sources define.

Sources are searched, not parsed: a name counts as defined where it follows a word such as
`struct`, or where it is imported.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from xtask.diagnostics import Place, did_you_mean
from xtask.manifest.grammar import VERSION, Grammar
from xtask.manifest.module import Stated
from xtask.manifest.notation.toml import read_toml
from xtask.manifest.table import shortened

if TYPE_CHECKING:
    from xtask.diagnostics import Problems
    from xtask.manifest.folder import Folder
    from xtask.manifest.table import Table

_MAX_BYTES = 1 << 20
_DEFINED = re.compile(
    r"\b(?:const|enum|fn|macro_rules!|mod|static|struct|trait|type|union)\s+(\w+)", re.ASCII
)
_MODULE = re.compile(r"\bRusToKModule\s+for\s+(\w+)", re.ASCII)
PATH = Grammar(
    r"(?a)[A-Za-z_]\w*(::[A-Za-z_]\w*)*",
    "a path of Rust",
    "write modules and a name, such as `graphql::BlogQuery`",
)


class Crate(NamedTuple):
    """What a `Cargo.toml` says; None for what it leaves to its workspace."""

    name: Stated | None
    version: Stated | None
    license: str | None


class Names(NamedTuple):
    """What sources define, the types that they make modules of RusToK, and where they are."""

    defined: frozenset[str]
    modules: frozenset[str]
    where: str


def read_crate(folder: Folder, path: str, problems: Problems) -> Crate | None:
    """Return what a `Cargo.toml` says, None when there is none or it cannot be read.

    Args:
        folder: the module's folder.
        path: the file's path in it.
        problems: XT0102 to XT0104 go here.
    """
    if not folder.has_file(path):
        return None
    read = read_toml(folder.root / path, f"{folder.shown}/{path}", problems)
    if read is None:
        return None
    place = Place(read.source).at("package")
    package: Any = read.values.get("package")
    package = package if isinstance(package, dict) else {}
    texts = {key: value for key, value in package.items() if isinstance(value, str)}
    return Crate(
        name=Stated(texts["name"], place.at("name")) if "name" in texts else None,
        version=Stated(texts["version"], place.at("version")) if "version" in texts else None,
        license=texts.get("license"),
    )


def read_names(folder: Folder, below: str = "src") -> Names:
    """Return what the files below a folder of sources define."""
    defined: set[str] = set()
    modules: set[str] = set()
    for path in folder.files():
        if path.startswith(f"{below}/") and path.endswith(".rs") and folder.has_file(path):
            text = _text(folder, path)
            modules.update(_MODULE.findall(text))
            defined.update(_DEFINED.findall(text))
            for statement in text.split(";"):
                _, word, imported = statement.rpartition("use ")
                defined.update(re.findall(r"\w+", imported) if word else ())
    return Names(frozenset(defined), frozenset(modules), f"`{below}`")


def _text(folder: Folder, path: str) -> str:
    try:
        with (folder.root / path).open("rb") as stream:
            return stream.read(_MAX_BYTES).decode(errors="replace")
    except OSError:
        return ""


def require_version(identity: Table, crate: Crate | None) -> None:
    """Note a crate of another version than the one in the module's identity (XT0209)."""
    version = identity.value("version")
    is_one = isinstance(version, str) and VERSION.matches(version)
    if crate and crate.version and is_one and crate.version.text != version:
        identity.problems.add(
            "XT0209",
            f"the version is {shortened(version)} here, and {shortened(crate.version.text)} in "
            f"`{crate.version.place.source.path}`",
            identity.place.at("version"),
            others=[(crate.version.place, "the other version")],
            help="change one of the two: both name the same release",
        )


def require_symbols(table: Table, keys: tuple[str, ...], names: Names | None) -> tuple[str, ...]:
    """Return those keys that are written, each checked to be a path that the crate defines.

    Args:
        table: XT0205 for what is no path of Rust, XT0217 for one that leads nowhere.
        keys: keys of it.
        names: what the crate defines, None when that is not known.
    """
    for key in keys:
        path = table.text(key, default="", grammar=PATH)
        name = path.rpartition("::")[2]
        if name and names is not None and name not in names.defined:
            message = f"nothing in {names.where} is called `{shortened(name)}`"
            near = did_you_mean(name, names.defined)
            table.wrong("XT0217", message, key, help=near or "correct the path, or write it")
    return tuple(key for key in keys if key in table)
