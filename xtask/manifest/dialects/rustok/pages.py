"""The pages of a module of RusToK: its admin front end, its storefront, and the links to them.

Each front end is a crate of its own below the module's, in the folder `admin` or `storefront`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from xtask.manifest import grammar
from xtask.manifest.dialects.rustok.crate import read_crate, require_version
from xtask.manifest.dialects.shared import route_name
from xtask.manifest.module import Navigation, Route
from xtask.manifest.table import shortened

if TYPE_CHECKING:
    from xtask.manifest.folder import Folder
    from xtask.manifest.table import Table

# The front ends, and the path that each lies under.
SURFACES = {"admin": "/admin", "storefront": ""}
_SLOTS = (
    *("header_navigation", "footer_navigation"),
    *("home_after_hero", "home_after_catalog", "home_before_footer"),
    *("checkout_shipping_handoff", "checkout_payment_handoff", "checkout_result_handoff"),
)


class Pages(NamedTuple):
    """What the front ends of a module add up to."""

    routes: list[Route]
    links: list[Navigation]
    names: set[str]


def read_pages(
    provides: Table, identity: Table, slug: str, title: str, folder: Folder | None
) -> Pages:
    """Return the pages of a module's front ends and the links to them.

    Args:
        provides: the table `[provides]`.
        identity: the table `[module]`.
        slug: the module's name, nothing when it has none.
        title: what people call it.
        folder: the folder of the crate, None when its files cannot be looked up.
    """
    pages = Pages([], [], set())
    for surface in SURFACES:
        keys = provides.table(f"{surface}_ui")
        if f"{surface}_ui" in provides:
            _read_surface(keys, surface, slug, title, pages)
            _check_parts(keys)
            _check_languages(keys.table("i18n"), folder)
        if folder:
            _check_crate(keys, surface, identity, folder)
        keys.ignore("leptos_crate")
        keys.done()
    return pages


def _read_surface(keys: Table, surface: str, slug: str, title: str, pages: Pages) -> None:
    """Add the pages of one front end: its own, and those below it."""
    written = f"{SURFACES[surface]}/{keys.text('route_segment', default=slug)}"
    path = keys.checked(written, "route_segment", grammar.PREFIX) if slug else ""
    label = keys.text("nav_label", default="")
    heading = keys.text("page_title", default="") or label or title
    menu = keys.text("nav_group", default="") or surface
    order = keys.integer("nav_order", default=100)
    if path:
        _add(pages, slug, keys, path, heading)
        link = Navigation(label or heading, "", order, None, keys.place, path, menu=menu)
        pages.links.append(link)
    below = [*keys.tables("child_pages"), *keys.tables("pages")]
    for number, page in enumerate(below, start=1):
        step = page.text("subpath")
        heading = page.text("title", default="") or step
        label = page.text("nav_label", default="") or heading
        page.done()
        if path and step and page.checked(f"{path}/{step}", "subpath", grammar.PREFIX):
            _add(pages, slug, page, f"{path}/{step}", heading)
            pages.links.append(
                Navigation(label, "", number, None, page.place, f"{path}/{step}", path, menu)
            )


def _add(pages: Pages, slug: str, keys: Table, path: str, heading: str) -> None:
    name = route_name(slug, path, pages.names)
    pages.names.add(name)
    pages.routes.append(Route(name, path, "", heading, keys.place))


def _check_parts(keys: Table) -> None:
    """Check what the host of RusToK puts into the slots of its own pages."""
    keys.optional_text("next_package")
    keys.choice("slot", _SLOTS, default="")
    known: set[str] = set()
    for part in keys.tables("components"):
        name = part.text("id")
        part.text("component")
        part.choice("slot", _SLOTS)
        part.integer("order", default=0)
        part.done()
        if name in known:
            message = f"two components are called `{shortened(name)}`"
            part.wrong("XT0204", message, "id", help="give each an id of its own")
        known.add(name)


def _check_crate(keys: Table, surface: str, identity: Table, folder: Folder) -> None:
    """Check that the crate of a front end is there, under its name and in the module's version."""
    name, path = keys.text("leptos_crate", default=""), f"{surface}/Cargo.toml"
    crate = read_crate(folder, path, keys.problems)
    if not folder.has_file(path):
        if name:
            message = f"there is no crate `{shortened(name)}` in `{surface}`"
            keys.wrong("XT0211", message, "leptos_crate", help=f"it is looked for as `{path}`")
    elif not name:
        message = f"there is a crate in `{surface}`, which `[provides.{surface}_ui]` does not name"
        tip = f'add `leptos_crate = "…"` to `[provides.{surface}_ui]`'
        keys.problems.add("XT0202", message, keys.place, help=tip)
    elif crate and crate.name and crate.name.text != name:
        keys.problems.add(
            "XT0208",
            f"the crate in `{surface}` is not called `{shortened(name)}`",
            keys.place.at("leptos_crate"),
            others=[(crate.name.place, "its name")],
            help="use the same name in both",
        )
    require_version(identity, crate)


def _check_languages(languages: Table, folder: Folder | None) -> None:
    first = languages.text("default_locale", default="")
    others = languages.texts("supported_locales")
    if first and first not in others:
        message = f"`{shortened(first)}` is not one of `supported_locales`"
        languages.wrong("XT0204", message, "default_locale", help="add it to them")
    for key in ("leptos_locales_path", "next_messages_path"):
        path = languages.text(key, default="")
        if path and folder and not folder.has_folder(path):
            message = f"there is no folder `{shortened(path)}`"
            languages.wrong("XT0211", message, key, help="it is looked for in the crate's folder")
    languages.done()
