"""Wheels are chosen for the Python of the base, which need not be the one that runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from packaging.tags import compatible_tags, cpython_tags
from packaging.utils import parse_wheel_filename

from xtask.errors import XtaskError
from xtask.package.requirements import applicable, askers, download, resolve_requirements
from xtask.package.target import Target
from xtask.resolve.lock import Package

if TYPE_CHECKING:
    from pathlib import Path

GLIBC, MUSL = "glibc 2.36", "musl 1.2"


def package(name: str, *required_by: str, marker: str = "") -> Package:
    return Package(name, "1.0", ("sha256:" + "0" * 64,), marker, required_by)


def test_tags_go_from_the_newest_c_library_to_the_oldest() -> None:
    tags = Target("3.12.7", "linux/amd64", "glibc 2.18").platform_tags()
    assert tags[:3] == ["manylinux_2_18_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64"]
    assert tags[-3:] == ["manylinux_2_5_x86_64", "manylinux1_x86_64", "linux_x86_64"]


def test_tags_are_of_the_machine_and_the_c_library_of_the_target() -> None:
    arm = Target("3.12.7", "linux/arm64", GLIBC).platform_tags()
    assert (arm[0], arm[-2:]) == (
        "manylinux_2_36_aarch64", ["manylinux2014_aarch64", "linux_aarch64"]
    )  # fmt: skip
    musl = Target("3.12.7", "linux/arm64", MUSL).platform_tags()
    expected = [f"musllinux_1_{minor}_aarch64" for minor in (2, 1, 0)]
    assert musl == [*expected, "linux_aarch64"]


@pytest.mark.parametrize(
    ("platform", "machine"), [("linux/amd64", "x86_64"), ("linux/arm64", "aarch64")]
)
def test_a_marker_of_the_machine_is_answered_for_the_target(platform: str, machine: str) -> None:
    found = package("x", marker=f"platform_machine == '{machine}'")
    assert applicable([found], "3.12.7", platform) == (found,)
    other = package("x", marker=f"platform_machine != '{machine}'")
    assert applicable([other], "3.12.7", platform) == ()


def test_a_package_is_there_for_modules_through_other_packages() -> None:
    locked = [
        package("a", "shop", "b"), package("b", "c", "a"), package("c", "cart"), package("d"),
    ]  # fmt: skip
    assert askers("a", locked) == ("cart", "shop")
    assert askers("d", locked) == ()


@pytest.mark.requires("index")
@pytest.mark.parametrize(
    "target",
    [
        Target("3.12.7", "linux/arm64", GLIBC),
        Target("3.13.1", "linux/amd64", GLIBC),
        Target("3.11.9", "linux/amd64", MUSL),
    ],
    ids=str,
)
def test_a_wheel_is_downloaded_for_the_target_and_kept_apart(
    tmp_path: Path, target: Target
) -> None:
    locked = resolve_requirements({"shop": ("markupsafe==3.0.2",)}, ())
    (wheel, _) = download(locked, tmp_path, target)["markupsafe"]
    minor = tuple(map(int, target.minor.split(".")))
    fitting = {
        *cpython_tags(minor, platforms=target.platform_tags()),
        *compatible_tags(minor, platforms=target.platform_tags()),
    }
    assert parse_wheel_filename(wheel.name)[3] & fitting
    assert target.machine in wheel.name
    (ours, _) = download(locked, tmp_path)["markupsafe"]
    assert ours != wheel
    assert download(locked, tmp_path, target)["markupsafe"][0] == wheel


@pytest.mark.requires("index")
def test_what_has_no_wheel_there_is_named_with_who_needs_it(tmp_path: Path) -> None:
    locked = resolve_requirements({"shop": ("markupsafe==3.0.2",)}, ())
    with pytest.raises(XtaskError) as caught:
        download(locked, tmp_path, Target("3.19.0", "linux/s390y", GLIBC))
    expected = "`markupsafe` 3.0.2 has no wheel for Python 3.19 on linux/s390y with glibc 2.36"
    assert caught.value.message == f"{expected}, and shop needs it"
    assert caught.value.help
