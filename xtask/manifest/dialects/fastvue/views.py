"""The front-end files of a FastVue module: what it names is found, and globs are expanded."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING, NamedTuple

from xtask.manifest import grammar
from xtask.manifest.dialects.fastvue.odoo import check_bundle, entries, is_bundle
from xtask.manifest.table import shortened

if TYPE_CHECKING:
    from xtask.diagnostics import Place, Problems
    from xtask.manifest.folder import Folder
    from xtask.manifest.table import Table

ASSETS = "static"
"""The folder of a module that browsers get files of."""

_LISTS = ("stores", "components", "views", "styles", "locales", "assets")
_VIEW_SUFFIXES = (".vue", ".tsx", ".jsx", ".ts", ".js")

# Each glob is compared with each file of the module.
_MAX_GLOBS = 100


class Views(NamedTuple):
    """Files in the assets that draw pages: by their names, and the one with the module's routes."""

    named: dict[str, str]
    routes: str

    @property
    def default(self) -> str:
        """What draws a page that names no view: the routes, or the only view there is."""
        only = list(self.named.values()) if len(self.named) == 1 else [""]
        return self.routes or only[0]


def read_views(table: Table, folder: Folder | None) -> Views:
    """Return the files that draw pages; XT0220 warns of what `views` and `assets` name in vain.

    What leads out of the module is XT0205.

    A file counts from the module's folder or from `static/`, which is where real ones are.

    Args:
        table: the whole manifest.
        folder: the module's folder, None when its files are in a published wheel.
    """
    assets = table.table("assets")
    files = _named(table, "views", folder)
    for key in _LISTS:
        found = _named(assets, key, folder)
        files += found if key == "views" else []
    routes = assets.text("routes", default="")
    own = _found(routes, assets.place.at("routes"), folder, table.problems) if routes else []
    for key in assets.keys():  # noqa: SIM118 - not a dict
        if is_bundle(key):
            check_bundle(assets, key)
    assets.done()
    named: dict[str, str] = {}
    for path in [*files, *_in_folders(folder)]:
        if grammar.FILE.matches(path) and path.endswith(_VIEW_SUFFIXES):
            named.setdefault(PurePosixPath(path).stem, path)
    return Views(named, own[0] if own and grammar.FILE.matches(own[0]) else "")


def _in_folders(folder: Folder | None) -> list[str]:
    """Return the views that lie in a folder `views` of the assets, named or not."""
    files = folder.matching(f"{ASSETS}/**/*.vue") if folder else ()
    return [_relative(path) for path in files if "views" in path.split("/")[:-1]]


def _named(table: Table, key: str, folder: Folder | None) -> list[str]:
    """Return the files in the assets that a list of paths and globs names."""
    names = entries(table, key)
    if sum(_is_glob(text) for text, _ in names) > _MAX_GLOBS:
        message = f"`{key}` has more than {_MAX_GLOBS} globs"
        table.wrong("XT0205", message, key, help="name the folders: `static/views/**/*.vue`")
        return []
    return [path for text, place in names for path in _found(text, place, folder, table.problems)]


def _is_glob(path: str) -> bool:
    return "*" in path or "?" in path


def _found(text: str, place: Place, folder: Folder | None, problems: Problems) -> list[str]:
    """Return the files in the assets that a path or a glob names, relative to the assets."""
    if ".." in text.split("/"):
        message = f"`{shortened(text)}` leads out of the module"
        problems.add("XT0205", message, place, help=f"name files of `{ASSETS}/`")
        return []
    below = text if text.startswith(f"{ASSETS}/") else f"{ASSETS}/{text}"
    if folder is None:
        return [_relative(below)]
    found = _matching(folder, below)
    if not found and _matching(folder, text):
        message = f"`{shortened(text)}` is outside of `{ASSETS}`, so no browser gets it"
        problems.warn("XT0220", message, place, help=f"move it to `{shortened(below)}`")
    elif not found:
        what = "matches no file" if _is_glob(text) else "is no file"
        message = f"`{shortened(text)}` {what} of `{folder.name}`"
        tip = f"it is looked for at `{shortened(below)}`"
        problems.warn("XT0220", message, place, help=tip)
    return [_relative(path) for path in found]


def _matching(folder: Folder, path: str) -> tuple[str, ...]:
    if _is_glob(path):
        return folder.matching(path)
    return (path,) if folder.has_file(path) else ()


def _relative(path: str) -> str:
    return path.removeprefix(f"{ASSETS}/")
