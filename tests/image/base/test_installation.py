from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from xtask.errors import XtaskError
from xtask.image.base.installation import Installation, running_installation, signature

ROOT = Path(__file__).parents[3]
KEPT = [
    "LICENSE.txt",
    "asyncio/__init__.py",
    "lib-dynload/_xxsubinterpreters.cpython-311-x86_64-linux-gnu.so",
    "lib-dynload/math.cpython-311-x86_64-linux-gnu.so",
    "unittest/case.py",
]
NOT_KEPT = [
    "__pycache__/os.cpython-311.pyc",
    "config-3.11-x86_64-linux-gnu/libpython3.11.a",
    "ctypes/test/test_libc.py",
    "dist-packages/x.py",
    "distutils/command/wininst.exe",
    "distutils/tests/test_core.py",
    "ensurepip/_bundled/pip.whl",
    "idlelib/idle.py",
    "lib-dynload/_ctypes_test.cpython-311-x86_64-linux-gnu.so",
    "lib-dynload/_testcapi.cpython-311-x86_64-linux-gnu.so",
    "lib-dynload/_tkinter.cpython-311-x86_64-linux-gnu.so",
    "lib-dynload/_xxtestfuzz.cpython-311-x86_64-linux-gnu.so",
    "lib-dynload/xxlimited.cpython-311-x86_64-linux-gnu.so",
    "lib2to3/tests/data/py2_test_grammar.py",
    "site-packages/requests/__init__.py",
    "sitecustomize.py",
    "test/test_os.py",
    "tkinter/__init__.py",
    "turtledemo/__main__.py",
]


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    """A tiny installation with one file of each kind."""
    for relative in [*KEPT, *NOT_KEPT]:
        path = tmp_path / "stdlib" / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(relative)
    executable = tmp_path / "python3.11"
    executable.write_text("program")
    return Installation("3.11.7", "python3.11", executable, tmp_path / "stdlib", "lib")


def test_an_application_gets_no_tests_no_desktop_and_no_packages_of_the_machine(
    installation: Installation,
) -> None:
    assert sorted(KEPT) == sorted(path for path, _ in installation.files())


def test_a_broken_link_is_no_file(installation: Installation) -> None:
    (installation.stdlib / "gone.py").symlink_to("nowhere")
    assert sorted(KEPT) == sorted(path for path, _ in installation.files())


@pytest.mark.parametrize("change", ["content", "time", "new", "removed", "replaced", "program"])
def test_fingerprint_shows_every_change(installation: Installation, change: str) -> None:
    before = installation.fingerprint()
    file = installation.stdlib / "unittest/case.py"
    if change == "content":
        file.write_text("longer than it was")
    elif change == "time":
        os.utime(file, (1, 1))
    elif change == "new":
        (installation.stdlib / "new.py").touch()
    elif change == "removed":
        file.unlink()
    elif change == "replaced":
        other = installation.stdlib / "other"
        other.write_bytes(file.read_bytes())
        other.replace(file)
    else:
        installation.executable.write_text("another program")
    assert before != installation.fingerprint()


def test_fingerprint_ignores_what_is_not_kept(installation: Installation) -> None:
    before = installation.fingerprint()
    (installation.stdlib / "site-packages/requests/__init__.py").write_text("changed")
    assert before == installation.fingerprint()


def test_signature_of_nothing_is_none(tmp_path: Path) -> None:
    assert signature(tmp_path / "missing") is None


def test_below_a_virtual_environment_it_is_the_same_python(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "v")], check=True)
    script = "from xtask.image.base.installation import running_installation as r; print(r())"
    argv = [str(tmp_path / "v/bin/python"), "-c", script]
    environment = {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=True)
    assert f"{running_installation()}\n" == done.stdout


def test_refuses_another_system(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(XtaskError, match="cpython on darwin cannot become a base image"):
        running_installation()
