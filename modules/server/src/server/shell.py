"""The one HTML document: navigation, sign-in and the place where a module's page appears."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from importlib.resources import files
from string import Template
from typing import TYPE_CHECKING

from fastapi.responses import HTMLResponse

from server.menu import menu
from server.routes import path_template

if TYPE_CHECKING:
    from fastapi import FastAPI, Request

    from server.release import Release
    from server.routes import RouteMap

Shell = Callable[[str, int], HTMLResponse]
"""Takes a title and a status, returns the document."""

_HASH_LENGTH = len("sha256:") + 12


def create_shell(routes: RouteMap, release: Release) -> Shell:
    """Return the function that renders the shell; everything except the title is rendered once.

    Links that need more than reading are in the document but hidden until somebody signs in.
    """
    name = escape(release.app.replace("-", " ").capitalize())
    template = Template(files("server").joinpath("shell.html").read_text(encoding="utf-8"))
    parts = {
        "app": name,
        "navigation": menu(routes.navigation),
        "release": escape(release.release_id or "development"),
        "manifest": escape((release.manifest_hash or "not released")[:_HASH_LENGTH]),
    }

    def render(title: str, status: int = 200) -> HTMLResponse:
        html = template.substitute(parts, title=f"{escape(title)} · {name}")
        return HTMLResponse(html, status)

    return render


def add_pages(app: FastAPI, routes: RouteMap, shell: Shell) -> None:
    """Answer the path of every page with the shell."""
    for route in routes.routes:
        app.add_route(
            path_template(route.path),
            _endpoint(shell, route.title),
            methods=["GET"],
            include_in_schema=False,
        )


def _endpoint(shell: Shell, title: str) -> Callable[[Request], HTMLResponse]:
    def page(_request: Request) -> HTMLResponse:
        return shell(title, 200)

    return page
