"""Third-party requirements: read as uv writes them, locked with hashes, refused when changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from xtask.errors import UntrustedError, XtaskError
from xtask.package.requirements import (
    RequirementConflictError,
    _parse,
    applicable,
    download,
    pin,
    resolve_requirements,
)
from xtask.resolve.lock import BuildEnvironment, Package

if TYPE_CHECKING:
    from pathlib import Path

COMPILED = """\
annotated-doc==0.0.4 \\
    --hash=sha256:571ac1dc6991c450b25a9c2d84a3705e2ae7a53467b5d111c24fa8baabbed320 \\
    --hash=sha256:fbcda96e87e9c92ad167c2e53839e57503ecfda18804ea28102353485033faa4
    # via fastapi
colorama==0.4.6 ; sys_platform == 'win32' \\
    --hash=sha256:4f1d9991f5acc0ca119f9d443620b77f9d6b33703e51011c16baf57afb285fc6
    # via
    #   click
    #   xtask-module-shop
typing-extensions==4.15.0 ; python_full_version < '3.13' \\
    --hash=sha256:f0fa19c6845758ab08074a0cfa8b7aecb71c999ca73d62883bc25cc018c4e548
    # via xtask-module-content
"""


def package(name: str, marker: str = "") -> Package:
    return Package(name, "1.0", ("sha256:" + "0" * 64,), marker, ())


def test_reads_names_versions_hashes_markers_and_who_asked() -> None:
    doc, colorama, typing = _parse(COMPILED)
    assert (doc.name, doc.version, doc.marker, doc.required_by) == (
        "annotated-doc",
        "0.0.4",
        "",
        ("fastapi",),
    )
    assert [digest[:11] for digest in doc.hashes] == ["sha256:571a", "sha256:fbcd"]
    assert (colorama.marker, colorama.required_by) == ("sys_platform == 'win32'", ("click", "shop"))
    assert (typing.marker, typing.required_by) == ("python_full_version < '3.13'", ("content",))


def test_reads_nothing_from_nothing() -> None:
    assert _parse("") == ()
    assert resolve_requirements({"shop": (), "content": ()}, ()) == ()


def test_pin_allows_the_locked_hashes_only() -> None:
    two = package("x")._replace(hashes=("sha256:a", "sha256:b"))
    assert pin(two) == "x==1.0 --hash=sha256:a --hash=sha256:b"


@pytest.mark.parametrize(
    ("marker", "python", "expected"),
    [
        ("", "3.11.7", True),
        ("python_version >= '3.11'", "3.11.7", True),
        ("python_full_version < '3.13'", "3.13.0", False),
        ("sys_platform == 'win32'", "3.11.7", False),
        ("platform_python_implementation == 'CPython'", "3.11.7", True),
        ("sys_platform == 'linux' and python_version == '3.12'", "3.12.1", True),
    ],
)
def test_marker_is_answered_for_the_product_and_not_for_this_machine(
    marker: str,
    python: str,
    expected: bool,  # noqa: FBT001
) -> None:
    found = package("x", marker)
    assert applicable([found], python) == ((found,) if expected else ())


@pytest.mark.requires("index")
def test_conflict_names_both_modules_and_what_they_ask_for() -> None:
    wanted = {"shop": ("pluggy==1.4.0",), "content": ("pluggy==1.5.0",), "pages": ()}
    with pytest.raises(RequirementConflictError) as caught:
        resolve_requirements(wanted, ())
    message = caught.value.message
    assert "  content asks for pluggy==1.5.0\n  shop asks for pluggy==1.4.0\n" in message
    assert "pages asks" not in message
    assert "xtask-module" not in message
    assert caught.value.asked == wanted
    assert caught.value.help


@pytest.mark.requires("index")
def test_what_is_locked_stays_and_asking_for_more_upgrades() -> None:
    (old,) = resolve_requirements({"shop": ("pluggy<1.5",)}, ())
    (kept,) = resolve_requirements({"shop": ("pluggy>=1.0",)}, (old,))
    (newer,) = resolve_requirements({"shop": ("pluggy>=1.0",)}, (old,), upgrade=["pluggy"])
    assert (old.name, old.version, old.required_by) == ("pluggy", "1.4.0", ("shop",))
    assert kept == old
    assert newer.version != old.version


@pytest.mark.requires("index")
def test_build_requirements_are_locked_with_hashes(hatchling: BuildEnvironment) -> None:
    assert hatchling.requires == ("hatchling",)
    assert "hatchling" in {found.name for found in hatchling.packages}
    assert all(found.hashes for found in hatchling.packages)


@pytest.mark.requires("index")
def test_download_is_kept_and_checked_each_time(
    tmp_path: Path, packages: tuple[Package, ...]
) -> None:
    first = download(packages, tmp_path)
    assert first == download(packages, tmp_path)
    wheel, digest = first["pluggy"]
    assert digest in packages[0].hashes
    wheel.write_bytes(wheel.read_bytes() + b"x")
    with pytest.raises(UntrustedError, match=r"is not what modules\.lock says") as caught:
        download(packages, tmp_path)
    assert caught.value.help == f"delete {wheel} and build again"
    wheel.unlink()
    assert first == download(packages, tmp_path)


@pytest.mark.requires("index")
def test_refuses_a_wheel_of_other_bytes_than_the_lock(
    tmp_path: Path, packages: tuple[Package, ...]
) -> None:
    lying = packages[0]._replace(hashes=("sha256:" + "0" * 64,))
    with pytest.raises(XtaskError, match="cannot download the third-party wheels"):
        download([lying], tmp_path)
    assert [path for path in (tmp_path / "wheels/index").iterdir() if path.is_file()] == []
