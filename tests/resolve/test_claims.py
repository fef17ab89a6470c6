"""One thing has one owner, and what belongs to the host is nobody else's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support import workspace

if TYPE_CHECKING:
    from pathlib import Path

ROUTER = '[[api.routers]]\nprefix = "{path}"\nrouter = "{name}.api:router"\n'
APP = '[[api.apps]]\nprefix = "{path}"\napp = "{name}.api:app"\n'
ROUTE = (
    '[assets]\ndirectory = "static"\n[[frontend.routes]]\n'
    'name = "{name}.page"\npath = "{path}"\nentry = "page.js"\n'
)


def messages(root: Path, **parts: tuple[str, str]) -> list[str]:
    """Return what is wrong with modules that each bring one part at one path."""
    files = workspace.composition(*parts)
    for name, (kind, path) in parts.items():
        files |= workspace.module(name, kind.format(name=name, path=path))
    return [problem.message for problem in workspace.problems(workspace.write(root, files))]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ((ROUTER, "/api/a"), (ROUTER, "/api/b")),
        ((ROUTER, "/api/a"), (ROUTER, "/api/a/b")),
        ((ROUTER, "/api/a"), (APP, "/api/a/b")),
        ((APP, "/api/a"), (APP, "/api/ab")),
        ((ROUTE, "/a/:id"), (ROUTE, "/a/:id/edit")),
        ((ROUTE, "/a/:id"), (ROUTE, "/a/new")),
        ((ROUTE, "/"), (ROUTE, "/a")),
        ((APP, "/a"), (ROUTE, "/ab")),
        ((APP, "/a"), (ROUTE, "/")),
        ((ROUTE, "/healthz2"), (ROUTE, "/my/assets")),
    ],
)
def test_different_paths_have_different_owners(
    tmp_path: Path, one: tuple[str, str], other: tuple[str, str]
) -> None:
    assert messages(tmp_path, one=one, other=other) == []


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ((ROUTER, "/api/a"), (ROUTER, "/api/a")),
        ((ROUTER, "/api/a"), (APP, "/api/a")),
        ((APP, "/api/a"), (ROUTER, "/api/a/b")),
        ((APP, "/api/a"), (APP, "/api/a/b/c")),
        ((APP, "/a"), (ROUTE, "/a")),
        ((APP, "/a"), (ROUTE, "/a/:id")),
        ((ROUTE, "/a/:id"), (ROUTE, "/a/:name")),
        ((ROUTE, "/:a/b/:c"), (ROUTE, "/:x/b/:y")),
    ],
)
def test_refuses_one_path_with_two_owners(
    tmp_path: Path, one: tuple[str, str], other: tuple[str, str]
) -> None:
    assert len(messages(tmp_path, one=one, other=other)) == 1


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/assets", "/assets/x", "/api/_routes"])
@pytest.mark.parametrize("kind", [ROUTER, APP, ROUTE])
def test_refuses_paths_of_the_host(tmp_path: Path, kind: str, path: str) -> None:
    assert messages(tmp_path, one=(kind, path)) == [
        f"`one` claims `{path}`, which the host serves itself"
    ]


def test_refuses_an_application_above_paths_of_the_host(tmp_path: Path) -> None:
    assert messages(tmp_path, one=(APP, "/api")) == [
        "the application of `one` would own `/api/_release`, which the host serves itself",
        "the application of `one` would own `/api/_routes`, which the host serves itself",
    ]


def test_module_may_mount_two_routers_at_one_prefix(tmp_path: Path) -> None:
    text = ROUTER.format(name="one", path="/api/a") * 2
    files = workspace.composition("one") | workspace.module("one", text)
    assert workspace.problems(workspace.write(tmp_path, files)) == ()


def test_refuses_module_names_that_are_one_python_name(tmp_path: Path) -> None:
    files = workspace.composition("gift-cards", "gift_cards")
    files |= workspace.module("gift-cards") | workspace.module("gift_cards", head='package = "g"\n')
    found = [problem.message for problem in workspace.problems(workspace.write(tmp_path, files))]
    assert found == ["`gift-cards` and `gift_cards` both claim the module name `gift_cards`"]


def test_what_could_not_be_read_claims_nothing(tmp_path: Path) -> None:
    files = workspace.composition("one", "two")
    files |= workspace.module("one", head='package = "-"\n')
    files |= workspace.module("two", head='package = "-"\n')
    codes = {problem.code for problem in workspace.problems(workspace.write(tmp_path, files))}
    assert codes == {"XT0205"}
