"""Mounting an ASGI application so that its prefix itself is answered too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.routing import Match, Mount

if TYPE_CHECKING:
    from starlette.types import Scope


class PrefixMount(Mount):
    """A mount that takes `/metrics` for `/metrics/`, without sending the client there.

    Scrapers and health checks often do not follow redirects.
    """

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Match the prefix and everything below it."""
        if scope["type"] != "http" or scope["path"] != self.path:
            return super().matches(scope)
        inside = {"path": f"{self.path}/"}
        match, child = super().matches({**scope, **inside})
        return match, {**child, **inside}
