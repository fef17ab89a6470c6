"""What RusToK's `modules.toml` says of its front ends, in the tables below `[build]`.

`[build.server]` says which ones the server carries, `[build.admin]` and `[[build.storefront]]`
what draws them and where they answer. A product here serves its own front end, so that only one
thing is taken from them: whether there is one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from xtask.manifest import grammar
from xtask.manifest.table import shortened

if TYPE_CHECKING:
    from xtask.manifest.table import Table

_STACKS = ("leptos", "next")
# What a front end that stands alone has to say, and how.
_WHERE = {"public_url": '"https://…"', "redirect_uris": '["https://…"]'}
_ADDRESS = grammar.Grammar(
    r"https?://[^\s/]\S*", "an address", "write it whole: `https://shop.example`"
)


def read_surfaces(build: Table) -> str | None:
    """Return the deployment profile that they mean, None when nothing is said of a server.

    Args:
        build: the table `[build]`; what is wrong below it goes to its problems.
    """
    server = build.table("server")
    carried = {
        "admin": server.boolean("embed_admin"),
        "storefront": server.boolean("embed_storefront"),
    }
    server.done()
    is_said = "server" in build
    admin = build.table("admin")
    if "admin" in build:
        is_alone = is_said and not carried["admin"] and bool(admin.value("stack"))
        _surface(admin, stands_alone=is_alone)
    ids: set[str] = set()
    for storefront in build.tables("storefront"):
        name = storefront.text("id")
        if name in ids:
            message = f"two storefronts are called `{shortened(name)}`"
            storefront.wrong("XT0204", message, "id", help="give each an id of its own")
        ids.add(name)
        _surface(storefront, stands_alone=is_said and not carried["storefront"])
    if not is_said:
        return None
    return "monolith" if any(carried.values()) else "headless"


def _surface(table: Table, *, stands_alone: bool) -> None:
    """Check one front end; one that stands alone says where it answers and signs people in.

    What RusToK's server saves has every key: an empty one says as much as none.
    """
    if table.text("stack", default=""):
        table.choice("stack", _STACKS)
    if table.text("public_url", default=""):
        table.text("public_url", grammar=_ADDRESS)
    for index, address in enumerate(table.texts("redirect_uris")):
        if not _ADDRESS.matches(address):
            message = f"`{shortened(address)}` is not {_ADDRESS.meaning}"
            table.wrong("XT0205", message, "redirect_uris", index, help=_ADDRESS.rule)
    for key, value in _WHERE.items() if stands_alone else ():
        if table.value(key) in (None, "", []):
            message = f"`{key}` is missing in {table.name}"
            table.problems.add("XT0202", message, table.place, help=f"add `{key} = {value}`")
    table.done()
