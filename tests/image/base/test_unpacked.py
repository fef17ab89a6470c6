"""A base is unpacked into its folder and nowhere else, and its own Python runs there."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.support.bases import image, machine_base, python_files, tar
from xtask.errors import XtaskError
from xtask.image.base.portable import portable_base
from xtask.image.base.unpacked import own_python, unpacked
from xtask.image.layout import Layout

AMD64 = "linux/amd64"


def folder_of(tmp_path: Path, *tars: bytes) -> Path:
    layout = Layout(tmp_path / "oci")
    digest = image(layout, [tar(python_files()), *tars])
    base = portable_base(layout, tmp_path / "cache", digest, AMD64)
    return unpacked(layout, tmp_path / "cache", base)


def test_holds_what_a_container_would_see(tmp_path: Path) -> None:
    first = tar({"a/x": b"1", "a/y": b"2"}, hard={"a/z": "a/x"}, folders=["empty"])
    second = tar({"a/.wh.y": b"", "bin/run": b"3"}, links={"way": "/a/x"}, others=["dev/null"])
    root = folder_of(tmp_path, first, second)
    assert (root / "a/x").read_bytes() == (root / "a/z").read_bytes() == b"1"
    assert not (root / "a/y").exists()
    assert not (root / "dev/null").exists()
    assert (root / "empty").is_dir()
    assert (root / "way").read_bytes() == b"1"
    modes = {name: (root / name).stat().st_mode & 0o7777 for name in ("a/x", "bin/run")}
    assert modes == {"a/x": 0o644, "bin/run": 0o755}


@pytest.mark.parametrize(
    "link", ["/etc", "../../../../../../../etc", "/../../etc", "a/../../../etc"]
)
def test_no_link_leads_out_and_nothing_is_written_through_one(tmp_path: Path, link: str) -> None:
    root = folder_of(
        tmp_path, tar({"a/b": b"", "etc/x": b""}, links={"way": link}), tar({"way/new": b"1"})
    )
    target = (root / "way").resolve()
    assert target == root / "etc"
    assert not (root / "way").readlink().is_absolute()
    assert (root / "etc/new").read_bytes() == b"1"
    assert {path.name for path in tmp_path.iterdir()} == {"oci", "cache"}


def test_rights_of_others_are_not_kept(tmp_path: Path) -> None:
    data = bytearray(tar({"bin/su": b"1"}))
    blank = data[:100] + b"0006777\0" + data[108:148] + b" " * 8 + data[156:512]
    data[:512] = blank[:148] + b"%06o\0 " % sum(blank) + blank[156:]
    root = folder_of(tmp_path, bytes(data))
    assert (root / "bin/su").stat().st_mode & 0o7777 == 0o755


def test_is_unpacked_once(tmp_path: Path) -> None:
    root = folder_of(tmp_path)
    (root / "mark").touch()
    assert (folder_of(tmp_path) / "mark").exists()
    assert [path.name for path in root.parent.iterdir()] == [root.name]


@pytest.mark.parametrize("two_layers", [False, True])
@pytest.mark.parametrize("packed", [False, True])
def test_the_python_of_a_base_runs_with_its_own_library(
    tmp_path: Path, *, packed: bool, two_layers: bool
) -> None:
    layout = Layout(tmp_path / "oci")
    machine = machine_base(layout.root, packed=packed, two_layers=two_layers)
    ((digest, _),) = [(one["digest"], one) for one in layout._manifests()]
    base = portable_base(layout, tmp_path / "cache", digest, machine.platform)
    root = unpacked(layout, tmp_path / "cache", base)
    script = (
        "import sys, os, ssl, sqlite3, ctypes; print(sys.prefix, os.__file__)\n"
        "print(*{line.split()[-1] for line in open('/proc/self/maps') if '.so' in line})\n"
    )
    done = subprocess.run(
        [*own_python(root, base), "-I", "-S", "-c", script],
        capture_output=True, text=True, check=True, env={},
    )  # fmt: skip
    prefix, loaded = done.stdout.splitlines()
    library = f"{root}/usr/local/lib/python{base.minor}"
    assert prefix == f"{root}/usr/local {library}/os.py"
    assert [path for path in loaded.split() if not path.startswith(str(root))] == []
    assert Path(library, "of_the_second_layer.py").exists() == two_layers
    assert Path(library, "antigravity.py").exists() != two_layers


def test_a_python_that_does_not_start_says_so(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "oci")
    digest = image(layout, [tar(python_files())])
    base = portable_base(layout, tmp_path / "cache", digest, AMD64)
    with pytest.raises(XtaskError, match="its Python does not start here"):
        own_python(unpacked(layout, tmp_path / "cache", base), base)
