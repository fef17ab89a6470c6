"""Assets come from the package's folder only, and are revalidated by their content."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from server.assets import Assets
from server.registry import Module
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.testclient import TestClient

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SHELL = Module("server", "1.0.0", "server", assets="static")


def test_an_asset_has_a_script_type_that_browsers_accept(
    serve: Callable[..., TestClient],
) -> None:
    response = serve(SHELL).get("/assets/server/shell.js")
    assert response.status_code == 200
    assert response.headers["content-type"].partition(";")[0] in {
        "application/javascript",
        "text/javascript",
    }
    assert response.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    "path", ["/assets/server/../shell.html", "/assets/server/%2e%2e/shell.html", "/assets/server/"]
)
def test_nothing_outside_the_folder_is_served(serve: Callable[..., TestClient], path: str) -> None:
    assert serve(SHELL).get(path).status_code == 404


def test_a_changed_file_of_the_same_size_and_time_is_sent_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    tags: list[str] = []
    for package, text in (("release_one", "one"), ("release_two", "two")):
        folder = tmp_path / package / "static"
        folder.mkdir(parents=True)
        (folder.parent / "__init__.py").touch()
        (folder / "a.js").write_text(text)
        os.utime(folder / "a.js", (0, 0))
        client = TestClient(Starlette(routes=[Mount("/", Assets(package, "static"))]))
        fresh = client.get("/a.js", headers={"If-None-Match": ", ".join(tags)})
        assert (fresh.status_code, fresh.text) == (200, text)
        tags.append(fresh.headers["etag"])
        assert client.get("/a.js", headers={"If-None-Match": tags[-1]}).status_code == 304


def test_a_date_alone_never_says_that_nothing_changed(serve: Callable[..., TestClient]) -> None:
    headers = {"If-Modified-Since": "Fri, 31 Dec 2100 00:00:00 GMT"}
    assert serve(SHELL).get("/assets/server/shell.js", headers=headers).status_code == 200
