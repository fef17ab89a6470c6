"""The dialect of RusToK: `rustok-module.toml`, the description of a Rust crate.

The crate is never built into an image of Python. It is checked, resolved, hashed and listed like
every module, and its pages are merged into the route map.
"""

from __future__ import annotations

import re
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from xtask.manifest import cargo, grammar
from xtask.manifest.dialects.rustok.crate import (
    PATH,
    Crate,
    Names,
    read_crate,
    read_names,
    require_symbols,
    require_version,
)
from xtask.manifest.dialects.rustok.pages import SURFACES, read_pages
from xtask.manifest.dialects.rustok.settings import read_settings
from xtask.manifest.module import Expected, Module, Requirement, Stated
from xtask.manifest.table import shortened

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xtask.manifest.folder import Folder
    from xtask.manifest.table import Table

NAME_OF_DIALECT = "rustok"
PLATFORM: frozenset[str] = frozenset()

# Which front ends a module of each classification has; none for three of them.
_CLASSES = {
    "dual_surface": {"admin", "storefront"},
    "admin_only": {"admin"},
    "storefront_only": {"storefront"},
    "no_ui": set[str](),
    "capability_only": set[str](),
    "future_ui": set[str](),
}
_SHORTEST_DESCRIPTION = 20
_ADMIN_SURFACE = grammar.Grammar(
    r"[a-z0-9-]+", "a surface", "lower-case letters, digits and `-`: `leptos-admin`"
)


def recognises(values: Mapping[str, Any]) -> bool:  # noqa: ARG001 - as all dialects do
    """Return that every `rustok-module.toml` is RusToK's."""
    return True


def read(table: Table, folder: Folder | None) -> Module:
    """Return the module that a `rustok-module.toml` describes; see `Dialect.read`."""
    identity, provides = table.table("module"), table.table("provides")
    slug = identity.text("slug", grammar=grammar.NAME)
    title = identity.text("name", default=slug)
    version = identity.text("version")
    version = version and identity.checked(version, "version", grammar.VERSION, "XT0206")
    crate = read_crate(folder, "Cargo.toml", table.problems) if folder else None
    require_version(identity, crate)
    # Without its Cargo.toml a manifest stands alone: nothing of the crate can be looked up.
    sources = folder if crate else None
    names = read_names(sources) if sources else None
    pages = read_pages(provides, identity, slug, title, sources)
    module = Module(
        name=slug,
        version=version,
        description=_description(identity),
        license=crate.license if crate else None,
        package=slug.replace("-", "_"),
        dialect=NAME_OF_DIALECT,
        place=identity.place,
        named=identity.place.at("slug"),
        root=folder.root if folder else None,
        foreign=Stated("its code is a Rust crate", identity.place),
        requires=_requirements(table.table("dependencies"), slug),
        conflicts=_conflicts(table.table("conflicts"), slug),
        companions=_requirements(table.table("co_requisites"), slug),
        expects=_expected(identity, crate),
        app_range=_app_range(identity),
        routes=tuple(pages.routes),
        navigation=tuple(pages.links),
        settings=read_settings(table.table("settings")),
    )
    _check_identity(identity, {name for name in SURFACES if f"{name}_ui" in provides})
    _check_entry_type(table.table("crate"), names)
    _check_services(provides, names, _command_names(sources, names))
    _check_marketplace(table.table("marketplace"))
    table.ignore("fba")
    for part in (identity, provides, table):
        part.done()
    return module


def _description(identity: Table) -> str:
    text = identity.text("description", default="")
    if text and len(text) < _SHORTEST_DESCRIPTION:
        identity.problems.warn(
            "XT0205",
            f"the description has fewer than {_SHORTEST_DESCRIPTION} characters",
            identity.place.at("description"),
            help="RusToK's registry takes no shorter one",
        )
    return text


def _requirements(table: Table, slug: str) -> tuple[Requirement, ...]:
    found = []
    for name, keys in table.items():
        table.require_key(name, grammar.NAME)
        _refuse_itself(table, name, slug, name)
        written = keys.text("version_req", default="*").strip() or "*"
        # The capability that a module is needed for is agreed between the crates.
        keys.ignore("module", "mode", "required_capabilities", "contract", "contract_version")
        keys.done()
        found.append(Requirement(name, _range(keys, "version_req", written), keys.place))
    return tuple(sorted(found, key=itemgetter(0)))


def _conflicts(table: Table, slug: str) -> tuple[Requirement, ...]:
    names = table.texts("modules")
    place = table.place.at("modules")
    table.done()
    for index, name in enumerate(names):
        if not grammar.NAME.matches(name):
            message = f"`{shortened(name)}` is not {grammar.NAME.meaning}"
            table.wrong("XT0205", message, "modules", index, help=grammar.NAME.rule)
        _refuse_itself(table, name, slug, "modules", index)
    found = [Requirement(name, "", place.at(index)) for index, name in enumerate(names)]
    return tuple(sorted(found, key=itemgetter(0)))


def _refuse_itself(table: Table, name: str, slug: str, *key: str | int) -> None:
    if name == slug:
        table.wrong("XT0204", f"`{slug}` names itself in {table.name}", *key, help="remove it")


def _range(table: Table, key: str, written: str, bare: str = "^") -> str:
    """Return a requirement of Cargo as a range, every version when it is none (XT0207)."""
    found = cargo.requirement(written, bare)
    if found is None:
        message = f"`{shortened(written)}` is not a version requirement of Cargo"
        table.wrong("XT0207", message, key, help="comparisons with commas: `>=1.2, <2`")
    return found or "*"


def _app_range(identity: Table) -> Stated | None:
    """Return the versions of the platform; a bare version is the first or the last of them."""
    found = []
    for key, bare in (("rustok_min_version", ">="), ("rustok_max_version", "<=")):
        # `1.9.x` is every 1.9, so the first or the last of them is meant.
        if written := re.sub(r"(\.[xX*])+$", "", identity.text(key, default="").strip()):
            found.append((key, _range(identity, key, written, bare)))
    if not found:
        return None
    return Stated(", ".join(text for _, text in found), identity.place.at(found[0][0]))


def _expected(identity: Table, crate: Crate | None) -> tuple[Expected, ...]:
    """Return what the server's `modules.toml` says of a module too: both have to agree."""
    found = []
    if level := identity.text("trust_level", default=""):
        place = identity.place.at("trust_level")
        found.append(Expected("required", level == "core", place))
    if runtime := identity.text("runtime", default=""):
        found.append(Expected("runtime", runtime, identity.place.at("runtime")))
    if crate and crate.name:
        found.append(Expected("crate", *crate.name))
    return tuple(found)


def _check_identity(identity: Table, surfaces: set[str]) -> None:
    identity.choice("ownership", ("first_party", "third_party"), default="")
    identity.choice("trust_level", ("core", "verified", "unverified", "private"), default="")
    identity.choice("runtime", ("module", "extension"), default="module")
    identity.ignore("category")
    written = identity.text("ui_classification", default="")
    declared = _CLASSES.get(written.lower().replace("-", "_"))
    fitting = next(name for name, wanted in _CLASSES.items() if wanted == surfaces)
    if "ui_classification" in identity and declared != surfaces:
        known = "not a classification" if declared is None else "not what `[provides]` says"
        identity.wrong(
            "XT0204",
            f"`{shortened(written)}` is {known}",
            "ui_classification",
            help=f"a module with these front ends is `{fitting}`",
        )
    recommended = identity.texts("recommended_admin_surfaces")
    showcase = identity.texts("showcase_admin_surfaces")
    for key, names in (
        ("recommended_admin_surfaces", recommended),
        ("showcase_admin_surfaces", showcase),
    ):
        for index, name in enumerate(names):
            if not _ADMIN_SURFACE.matches(name):
                message = f"`{shortened(name)}` is not {_ADMIN_SURFACE.meaning}"
                identity.wrong("XT0205", message, key, index, help=_ADMIN_SURFACE.rule)
    for name in sorted({*recommended} & {*showcase}):
        message = f"`{shortened(name)}` is a recommended surface and a showcase"
        identity.wrong("XT0204", message, "showcase_admin_surfaces", help="keep one of the two")


def _check_entry_type(table: Table, names: Names | None) -> None:
    written = table.text("entry_type", default="", grammar=PATH)
    table.done()
    if written and names and names.modules and written not in names.modules:
        types = " and ".join(f"`{name}`" for name in sorted(names.modules))
        message = f"`{shortened(written)}` is not the module that `src` implements"
        table.wrong("XT0217", message, "entry_type", help=f"`RusToKModule` is that of {types}")


def _command_names(folder: Folder | None, names: Names | None) -> Names | None:
    """Return what is defined for a command line, which may be a crate of its own in `cli`."""
    if folder is None or names is None or not folder.has_folder("cli/src"):
        return names
    own = read_names(folder, "cli/src")
    return Names(names.defined | own.defined, names.modules, "`src` or `cli/src`")


def _check_services(provides: Table, names: Names | None, commands: Names | None) -> None:
    """Check what the crate brings to the server: its host calls it, no route of ours does."""
    graphql, http = provides.table("graphql"), provides.table("http")
    kinds = ("query", "mutation", "subscription", "runtime_data_factory")
    require_symbols(graphql, kinds, names)
    for new, old in (("axum_router", "routes"), ("axum_webhook_router", "webhook_routes")):
        written = require_symbols(http, (new, old), names)
        if len(written) > 1:
            message = f"`{new}` and `{old}` exclude each other"
            http.wrong("XT0204", message, old, help=f"remove `{old}`, which RusToK reads no more")
        elif old in written:
            message = f"`{old}` is not read by RusToK any more"
            place = http.place.at(old, part="key")
            http.problems.warn("XT0223", message, place, help=f"write `{new}`")
    cli = provides.table("cli")
    if "cli" in provides:
        cli.text("namespace")
        if len(require_symbols(cli, ("factory", "provider"), commands)) != 1:
            message = "a command line has either a `factory` or a `provider`"
            provides.wrong("XT0204", message, "cli", help="write one of the two")
    for part in (graphql, http, cli):
        part.done()


def _check_marketplace(table: Table) -> None:
    for key in ("category", "icon", "banner"):
        table.optional_text(key)
    table.texts("tags")
    table.texts("screenshots")
    table.ignore("publisher", "description", "icon_url", "banner_url")
    table.ignore("checksum_sha256", "signature")
    table.done()
