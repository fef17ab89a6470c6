from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from xtask.image.base.interpreter import pack
from xtask.image.layout import Layout

if TYPE_CHECKING:
    from collections.abc import Iterator

    from xtask.image.base.values import Base

ROOT = Path(__file__).parents[3]
SYSTEM_PYTHON = "/usr/bin/python3"
ONLY_IN_IMAGE = (
    "import ssl, sqlite3, ctypes, zlib, lzma, decimal, hashlib, asyncio, json, pwd, sys\n"
    "ssl.create_default_context(); sqlite3.connect(':memory:'); ctypes.CDLL(None)\n"
    "ctypes.CDLL('libstdc++.so.6')\n"
    "print(json.dumps([pwd.getpwuid(10001).pw_name, asyncio.__cached__, sys.prefix]))\n"
)
PACK = """
import sys
from pathlib import Path
from xtask.image.base.interpreter import pack
from xtask.image.layout import Layout
packed = pack(Layout(Path(sys.argv[1]) / "oci"), Path(sys.argv[1]) / "cache")
print(packed.layers[0].digest, packed.executable, packed.python)
"""
IMPORTED = """
import sys
from pathlib import Path
from xtask.image.base.interpreter import pack
from xtask.image.layout import Layout
pack(Layout(Path(sys.argv[1]) / "oci"), Path(sys.argv[1]) / "cache")
print(" ".join(sorted(sys.modules)))
"""


def python(program: str, script: str, folder: Path, **environment: str) -> str:
    argv = [program, "-c", script, str(folder)]
    environment |= {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        argv, env=environment, capture_output=True, text=True, check=True, timeout=120
    ).stdout


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("interpreter")


@pytest.fixture(scope="module")
def packed(home: Path) -> Base:
    return pack(Layout(home / "oci"), home / "cache")


@pytest.fixture
def members(home: Path, packed: Base) -> Iterator[list[tarfile.TarInfo]]:
    with tarfile.open(Layout(home / "oci").path(packed.layers[0].digest)) as archive:
        yield archive.getmembers()


def test_packed_elsewhere_by_another_process_it_has_the_same_digest(
    packed: Base, tmp_path: Path
) -> None:
    said = python(sys.executable, PACK, tmp_path, PYTHONHASHSEED="99", TZ="Asia/Tokyo")
    assert f"{packed.digest} {packed.executable} {packed.python}\n" == said


def test_says_which_python_it_is(packed: Base) -> None:
    tag = f"python{sys.version_info.major}.{sys.version_info.minor}"
    assert packed.executable == f"/usr/local/bin/{tag}"
    assert packed.minor == tag.removeprefix("python")
    assert (packed.machine_local, packed.has_bytecode) == (True, True)
    assert sys.version.startswith(packed.python + " ")
    assert packed.digest == packed.layers[0].diff_id


def test_nothing_gives_rights_away(members: list[tarfile.TarInfo]) -> None:
    writable = {member.name for member in members if member.mode & 0o002 and not member.issym()}
    privileged = {member.name for member in members if member.mode & 0o6000}
    of_the_application = {member.name for member in members if (member.uid, member.gid) != (0, 0)}
    assert (writable, privileged, of_the_application) == ({"tmp"}, set(), {"data"})


def test_every_module_of_the_library_is_compiled(
    members: list[tarfile.TarInfo], packed: Base
) -> None:
    names = {member.name for member in members}
    library = f"usr/local/{sys.platlibdir}/python{packed.minor}"
    assert f"{library}/asyncio/__pycache__/base_events.{sys.implementation.cache_tag}.pyc" in names
    compiled = [name for name in names if name.endswith(".pyc")]
    assert len(compiled) == len([name for name in names if name.endswith(".py")])


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may chroot")
@pytest.mark.parametrize("program", [sys.executable, SYSTEM_PYTHON])
def test_it_runs_where_there_is_nothing_else(program: str, tmp_path: Path) -> None:
    if not Path(program).exists():
        pytest.skip(f"{program} is not installed")
    digest, executable, _ = python(program, PACK, tmp_path).split()
    with tarfile.open(Layout(tmp_path / "oci").path(digest)) as archive:
        archive.extractall(tmp_path / "root", filter="data")
    argv = ["/usr/sbin/chroot", str(tmp_path / "root"), executable, "-c", ONLY_IN_IMAGE]
    done = subprocess.run(argv, env={}, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    user, compiled, prefix = json.loads(done.stdout)
    assert (user, prefix) == ("app", "/usr/local")
    assert compiled.startswith("/usr/local/lib")


def test_an_unchanged_python_is_not_packed_again(packed: Base, home: Path) -> None:
    layout = Layout(home / "oci")
    before = layout.path(packed.layers[0].digest).stat()
    started = time.perf_counter()
    again = pack(layout, home / "cache")
    seconds = time.perf_counter() - started
    assert packed == again
    assert before == layout.path(packed.layers[0].digest).stat()
    # Packing takes more than a second; a slow machine needs some of the room below it.
    assert seconds < 0.2


def test_a_lost_layer_is_packed_again(packed: Base, home: Path, tmp_path: Path) -> None:
    elsewhere = Layout(tmp_path / "oci")
    assert packed == pack(elsewhere, home / "cache")
    assert elsewhere.has(packed.layers[0].digest)


@pytest.mark.parametrize("damage", ["not json", "[]", '{"libraries":{"/etc/passwd":[1,2,3,4]}}'])
def test_a_record_that_does_not_fit_is_made_again(packed: Base, home: Path, damage: str) -> None:
    (record,) = (home / "cache" / "interpreter").iterdir()
    good = record.read_bytes()
    record.write_text(damage)
    assert packed == pack(Layout(home / "oci"), home / "cache")
    assert good == record.read_bytes()


def test_a_changed_library_is_noticed(packed: Base, home: Path) -> None:
    (record,) = (home / "cache" / "interpreter").iterdir()
    good = record.read_bytes()
    value = json.loads(good)
    (libc,) = (path for path in value["libraries"] if path.endswith("/libc.so.6"))
    value["libraries"][libc][1] -= 1
    record.write_text(json.dumps(value))
    assert packed == pack(Layout(home / "oci"), home / "cache")
    assert good == record.read_bytes()


def test_a_build_without_changes_imports_nothing_heavy(packed: Base, home: Path) -> None:
    imported = set(python(sys.executable, IMPORTED, home).split())
    heavy = {
        "installer",
        "tarfile",
        "zipfile",
        "csv",
        "xtask.image.base.libraries",
        "xtask.process",
    }
    assert packed.executable
    assert set() == imported & (heavy | {"xtask.image.bytecode", "subprocess", "socket"})
