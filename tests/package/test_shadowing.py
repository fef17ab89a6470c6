"""No module's package hides a third-party one, or is hidden by it."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.support import workspace
from xtask.diagnostics import Problems
from xtask.manifest.module import Dependency
from xtask.package.shadowing import refuse_shadowing, refuse_taken

if TYPE_CHECKING:
    from pathlib import Path

    from xtask.manifest.module import Module


def test_a_distribution_of_a_locked_name_is_refused_at_its_place(tmp_path: Path) -> None:
    problems = Problems()
    module = cart(tmp_path, distribution="Sou_p")
    refuse_taken([module], {"soup", "sou-p"}, problems)
    (problem,) = problems.found
    assert (problem.code, str(problem.place)) == ("XT0213", "cart/pyproject.toml:6")
    assert problem.message == (
        "the distribution of `cart` is called `sou-p`, as a third-party one is"
    )
    refuse_taken([cart(tmp_path, distribution=None)], {"cart"}, problems)
    assert len(problems.found) == 1


def wheel(root: Path, name: str, *paths: str) -> Path:
    file = root / f"{name}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(file, "w") as archive:
        for path in (*paths, f"{name}-1.0.dist-info/METADATA"):
            archive.writestr(path, "")
    return file


def cart(folder: Path, **said: object) -> Module:
    """Return a native module that asks for `soup`, with some attributes changed."""
    workspace.write(folder, workspace.composition("cart") | workspace.module("cart"))
    (module,) = workspace.selection(folder).modules
    asked = Dependency("Soup>=1", module.place.at("name"))
    return replace(module, dependencies=(asked,), **said)  # type: ignore[arg-type]


def refused(root: Path, module: Module, *paths: str, label: str = "soup==1.0") -> list[str]:
    problems = Problems()
    refuse_shadowing([module], {label: wheel(root, "soup", *paths)}, problems)
    return [f"{item.code} {item.place.span()[:2]} {item.message}" for item in problems.found]


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("cart/__init__.py", "cart"),
        ("cart/deep/down.py", "cart"),
        ("cart.py", "cart"),
        ("cart.cpython-312-x86_64-linux-gnu.so", "cart"),
        ("Cart/__init__.py", "Cart"),
        ("soup-1.0.data/purelib/cart/__init__.py", "cart"),
        ("soup-1.0.data/platlib/cart.abi3.so", "cart"),
    ],
)
def test_what_a_wheel_is_imported_as_is_taken(tmp_path: Path, path: str, name: str) -> None:
    assert refused(tmp_path, cart(tmp_path), path) == [
        f"XT0213 (1, 2) package `cart` would hide `{name}` of the distribution `soup`"
    ]


@pytest.mark.parametrize(
    "path",
    [
        "soup/cart.py",
        "cart.txt",
        "cart/py.typed",
        "cart-stubs/a.py",
        "soup-1.0.data/scripts/cart.py",
    ],
)
def test_what_nobody_imports_by_that_name_is_free(tmp_path: Path, path: str) -> None:
    assert refused(tmp_path, cart(tmp_path), path) == []


def test_who_asks_for_the_distribution_is_shown(tmp_path: Path) -> None:
    problems = Problems()
    module = cart(tmp_path)
    wheels = {"soup==1.0": wheel(tmp_path, "soup", "cart.py")}
    refuse_shadowing([module], wheels, problems)
    (problem,) = problems.found
    assert problem.others == ((module.dependencies[0].place, "asked for by `cart`"),)
    assert problem.help == 'name another package: `package = "…"` in `[module]`'


def test_a_published_module_does_not_hide_itself(tmp_path: Path) -> None:
    module = cart(tmp_path, root=None)
    assert refused(tmp_path, module, "cart/__init__.py", label="cart") == []
    assert len(refused(tmp_path, module, "cart/__init__.py", label="cart==1.0")) == 1


def test_a_distribution_may_not_have_the_namespace_of_other_systems(tmp_path: Path) -> None:
    module = cart(tmp_path, package="app.modules.cart", is_package=True)
    assert len(refused(tmp_path, module, "app/__init__.py")) == 1
    # A host that is published offers `app.core` to them.
    host = replace(cart(tmp_path), name="host", package="host")
    problems = Problems()
    refuse_shadowing([module, host], {"host": wheel(tmp_path, "host", "app/core.py")}, problems)
    assert problems.found == []
