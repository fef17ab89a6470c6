"""The navigation in HTML: links in lists, and groups that open."""

from __future__ import annotations

from html import escape
from itertools import groupby
from typing import TYPE_CHECKING

from server.permissions import anonymous

if TYPE_CHECKING:
    from collections.abc import Sequence

    from server.navigation import NavigationItem

_MAIN = "main"


def menu(items: Sequence[NavigationItem]) -> str:
    """Return the main menu's list items, and after them a group for each other menu.

    What needs more than reading is there and hidden, until the shell knows who is signed in.
    """
    by_menu = sorted(items, key=lambda item: (item.menu != _MAIN, item.menu))
    return "".join(
        "".join(map(_item, links)) if name == _MAIN else _group(name.capitalize(), [*links])
        for name, links in groupby(by_menu, key=lambda item: item.menu)
    )


def _item(item: NavigationItem) -> str:
    if item.hidden:
        return ""
    if not any(map(_leads_somewhere, item.children)):
        return _link(item)
    is_repeated = item.path in {child.path for child in item.children if not child.hidden}
    own = "" if is_repeated else _link(item)
    return _group(item.label, item.children, own, item.permission)


def _group(
    label: str, items: Sequence[NavigationItem], own: str = "", permission: str | None = None
) -> str:
    if not any(map(_leads_somewhere, items)):
        return ""
    links = own + "".join(map(_item, items))
    guard = _guard(permission)
    if not own and not guard and not any(map(_is_open, items)):
        guard = " hidden"
    summary = f"<summary>{escape(label)}</summary>"
    return f"<li{guard}><details>{summary}<ul>{links}</ul></details></li>"


def _leads_somewhere(item: NavigationItem) -> bool:
    return not item.hidden and (bool(item.path) or any(map(_leads_somewhere, item.children)))


def _is_open(item: NavigationItem) -> bool:
    """Say whether somebody without a token sees a link in it."""
    seen = not item.hidden and (item.permission is None or bool(anonymous([item.permission])))
    return seen and (bool(item.path) or any(map(_is_open, item.children)))


def _link(item: NavigationItem) -> str:
    if not item.path:
        return ""
    link = f'<a href="{escape(item.path)}">{escape(item.label)}</a>'
    return f"<li{_guard(item.permission)}>{link}</li>"


def _guard(permission: str | None) -> str:
    if not permission:
        return ""
    hidden = "" if anonymous([permission]) else " hidden"
    return f' data-permission="{escape(permission)}"{hidden}'
