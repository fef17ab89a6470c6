"""What `__manifest__.py` has of Odoo, whose format FastVue shares: versions, bundles, hooks.

The keys are those of Odoo 6.1 to 19.0 (odoo/modules/module.py and its addons).
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, NamedTuple

from xtask.diagnostics import did_you_mean, listed
from xtask.manifest import grammar
from xtask.manifest.module import Stated
from xtask.manifest.table import shortened

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xtask.diagnostics import Place
    from xtask.manifest.code import Code
    from xtask.manifest.folder import Folder
    from xtask.manifest.table import Table

OLD_FILENAME = "__openerp__.py"
DATA = ("data", "init_xml", "update_xml", "demo", "demo_xml")
"""Keys with files that are loaded when a module is installed."""
WITHOUT_EFFECT = (
    *("maintainer", "maintainers", "contributors", "support", "development_status", "credits"),
    *(
        "copyright",
        "keywords",
        "tags",
        "email",
        "display_name",
        "shortdesc",
        "old_technical_name",
        "category_id",
        "addons_path",
    ),
    *("sequence", "icon", "images", "images_preview_theme", "live_test_url", "demo_video_url"),
    *("price", "currency", "url", "certificate", "complexity", "cloc_exclude", "countries"),
    *("test", "tests", "web", "bootstrap", "qweb", "js", "css", "img", "web_preload"),
    *("new_page_templates", "snippet_lists", "theme_customizations"),
    *("configurator_snippets", "configurator_snippets_addons", "external_dependencies_override"),
    *("iap_paid_service", "iot_handlers_in_image", "kpi_providers", "other_files", "esm"),
    *("neuter", "reverse_neuter", "function", "oca_data_manual"),
    *("company", "module_type", "private_category", "odoo-apps", "repository", "documentation"),
)
"""Keys that describe a module to a shop, to Odoo or to a tool of its, and change no product."""

# `summary_vi_VN`: a text in one language.
_TRANSLATED = re.compile(r"(name|summary|description|live_test_url)_[a-z]{2}_[A-Z]{2}")
_VERSION = re.compile(r"(saas[~-])?(\d{1,18}(?:\.\d{1,18}){1,4})", re.ASCII)
_WHOLE_VERSION = 5
_FIRST_SERIES, _LAST_OF_OPENERP = 5, [6, 1]
_OPERATIONS = {"append": 2, "prepend": 2, "include": 2, "remove": 2} | dict.fromkeys(
    ("after", "before", "replace"), 3
)
_FOREIGN = "its code runs inside Odoo"


class Version(NamedTuple):
    """A semantic version, and the versions of the application that the series before it names."""

    text: str
    app_range: Stated | None = None


def ignore_translations(table: Table) -> None:
    """Know texts in one language, such as `summary_vi_VN`."""
    table.ignore(*(key for key in table.keys() if _TRANSLATED.fullmatch(key)))  # noqa: SIM118


def read_version(table: Table, default: str) -> Version:
    """Return the version as three numbers; XT0206 when it has not two to five.

    Odoo writes its own series first: `16.0.1.2.3` is version 1.2.3 for 16.0 (module.py,
    `adapt_version`). Missing numbers are 0, a fourth one becomes build metadata.
    """
    text = table.text("version", default=default)
    if grammar.VERSION.matches(text):
        return Version(text)
    found = _VERSION.fullmatch(text)
    if not found:
        table.wrong(
            "XT0206",
            f"`{shortened(text)}` is not a version of two to five numbers",
            "version",
            help="write `1.0.0`, or `16.0.1.0.0` with Odoo's series first",
        )
        return Version("")
    numbers = [int(number) for number in found[2].split(".")]
    series = numbers[:2] if len(numbers) > 3 and (found[1] or _is_series(numbers)) else []  # noqa: PLR2004
    own = [str(number) for number in numbers[len(series) :]]
    metadata = "+" + ".".join(own[3:]) if own[3:] else ""
    version = ".".join([*own, "0", "0"][:3] if len(own) < 3 else own[:3]) + metadata  # noqa: PLR2004
    if not series or len(numbers) < _WHOLE_VERSION:
        return Version(version)
    range_text = f"{series[0]}.{series[1]}.x"
    return Version(version, Stated(range_text, table.place.at("version")))


def _is_series(numbers: list[int]) -> bool:
    return numbers[:2] == _LAST_OF_OPENERP or (numbers[0] >= _FIRST_SERIES and numbers[1] == 0)


def is_bundle(key: str) -> bool:
    """Return whether a key of `assets` is a bundle of Odoo's, such as `web.assets_backend`."""
    return "." in key


def check_bundle(assets: Table, key: str) -> None:
    """Note an entry of a bundle that is neither a path nor an operation (odoo `ir.asset`)."""
    if assets.kind(key) is not list:
        assets.texts(key)
        return
    for index, entry in enumerate(assets.value(key)):
        if isinstance(entry, str):
            continue
        if not isinstance(entry, list) or not all(isinstance(word, str) for word in entry):
            message = f"an entry of `{key}` must be a path, or an operation and paths"
            assets.wrong("XT0203", message, key, index, help='such as `("remove", "web/x.js")`')
        elif len(entry) != _OPERATIONS.get(entry[0] if entry else "", -1):
            _wrong_operation(assets, key, index, entry)


def _wrong_operation(assets: Table, key: str, index: int, entry: list[str]) -> None:
    name = entry[0] if entry else ""
    wanted = _OPERATIONS.get(name)
    if wanted:
        message = f"`{name}` takes {wanted - 1} paths or bundles"
        assets.wrong("XT0204", message, key, index, help='such as `("after", "web/x", "shop/y")`')
    else:
        message = f"`{shortened(name)}` is not an operation of a bundle"
        near = did_you_mean(name, _OPERATIONS) or f"they are {listed(sorted(_OPERATIONS))}"
        assets.wrong("XT0204", message, key, index, help=near)


def runs_inside(table: Table, files: Mapping[str, Code]) -> Stated | None:
    """Return that a module without an API of FastVue's is code of Odoo's, and where it shows.

    Args:
        table: the whole manifest.
        files: the module's Python files.
    """
    place = _place_in_manifest(table) or _place_in_code(files)
    return Stated(_FOREIGN, place) if place else None


def _place_in_manifest(table: Table) -> Place | None:
    if PurePosixPath(table.place.source.path).name == OLD_FILENAME:
        return table.place
    for key in (*DATA, "qweb"):
        names = table.value(key) if table.kind(key) is list else []
        for index, name in enumerate(names):
            if isinstance(name, str) and name.endswith((".xml", "ir.model.access.csv")):
                return table.place.at(key, index)
    bundles = table.value("assets") if table.kind("assets") is dict else {}
    first = next((key for key in bundles if is_bundle(key)), None)
    return table.place.at("assets", first, part="key") if first else None


def _place_in_code(files: Mapping[str, Code]) -> Place | None:
    for code in files.values():
        for item in code.imports:
            if not item.level and item.module.split(".")[0] in {"odoo", "openerp"}:
                return item.place
    return None


def flag(table: Table, key: str, *, default: bool = False) -> bool:
    """Return True or False of a key that Odoo asks for its truth: 1 and 0 are they as well."""
    value = table.value(key)
    return (
        bool(value)
        if type(value) is int and value in {0, 1}
        else table.boolean(key, default=default)
    )


def require_data(table: Table, folder: Folder | None) -> None:
    """Note files to load that are not in the module (XT0211)."""
    for key in DATA:
        for path, place in entries(table, key):
            if folder and not folder.has_file(path):
                message = f"there is no file `{shortened(path)}` in `{folder.name}`"
                tip = "paths begin in the module's folder"
                table.problems.add("XT0211", message, place, help=tip)


def entries(table: Table, key: str) -> list[tuple[str, Place]]:
    """Return an array of strings with their places; one that is there twice counts once."""
    table.texts(key)  # notes what is not a string
    found: dict[str, Place] = {}
    values = table.value(key)
    for index, text in enumerate(values if isinstance(values, list) else ()):
        place = table.place.at(key, index)
        if isinstance(text, str) and found.setdefault(text, place) is not place:
            message = f"`{shortened(text)}` is listed twice in `{key}`"
            table.problems.warn("XT0223", message, place, help="remove one of the two")
    return list(found.items())
