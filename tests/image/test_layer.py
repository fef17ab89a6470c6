from __future__ import annotations

import os
import random
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from xtask.digest import sha256_file
from xtask.errors import XtaskError
from xtask.image import ustar
from xtask.image.layer import Entry, EntryError, directory, symlink, write_layer

if TYPE_CHECKING:
    from xtask.image.layout import Layout

ROOT = Path(__file__).parents[2]

ENTRIES = [
    Entry("app/site/a.py", b"a = 1\n"),
    Entry("app/site/a-b.py", b""),
    Entry("app/site/a/__init__.py", b"x" * 2000),
    Entry("app/bin/run", b"#!", 0o755),
    Entry("app/site/gr\N{LATIN SMALL LETTER U WITH DIAERESIS}n.txt", b"g"),
    symlink("app/bin/go", "run"),
    directory("data", 0o750, uid=10001, gid=10002),
    directory("tmp", 0o1777),
]
BUILD = """
import sys
from pathlib import Path
from xtask.image.layer import Entry, write_layer
from xtask.image.layout import Layout
folder = Path(sys.argv[1])
entries = {Entry("b/x", folder / "source"), Entry("a/y", b"y"), Entry("a.z", b"z")}
print(write_layer(Layout(folder / "oci"), entries).digest)
"""


def test_order_of_entries_does_not_matter(layout: Layout) -> None:
    shuffled = random.Random(7).sample(ENTRIES, len(ENTRIES))  # noqa: S311 - a fixed order
    assert shuffled != ENTRIES
    assert write_layer(layout, ENTRIES) == write_layer(layout, shuffled)


def test_tarfile_reads_back_what_was_written(layout: Layout) -> None:
    layer = write_layer(layout, ENTRIES)
    with tarfile.open(layout.path(layer.digest)) as archive:
        read = [_entry(archive, member) for member in archive if member.name not in PARENTS]
    assert sorted(ENTRIES, key=lambda entry: entry.path) == read


PARENTS = {"app", "app/bin", "app/site", "app/site/a"}


def _entry(archive: tarfile.TarFile, member: tarfile.TarInfo) -> Entry:
    stream = archive.extractfile(member) if member.isreg() else None
    content = stream.read() if stream else None
    link = member.linkname if member.issym() else None
    return Entry(member.name, content, member.mode, member.uid, member.gid, link)


def test_parents_are_explicit_and_precede_their_children(layout: Layout) -> None:
    layer = write_layer(layout, ENTRIES)
    with tarfile.open(layout.path(layer.digest)) as archive:
        members = archive.getmembers()
    names = [member.name for member in members]
    assert sorted(names, key=str.encode) == names
    assert set(names) >= PARENTS
    assert {0o755} == {member.mode for member in members if member.name in PARENTS}


def test_an_uncompressed_layer_has_one_digest(layout: Layout) -> None:
    layer = write_layer(layout, ENTRIES)
    assert layer.diff_id == layer.digest == sha256_file(layout.path(layer.digest))
    assert layer.size == layout.path(layer.digest).stat().st_size


def test_a_file_on_disk_is_the_same_layer_as_its_bytes(layout: Layout, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"s" * 3_000_000)
    source.chmod(0o600)
    streamed = write_layer(layout, [Entry("x", source)])
    assert write_layer(layout, [Entry("x", source.read_bytes())]) == streamed


def test_neither_umask_nor_zone_nor_hash_seed_matters(tmp_path: Path) -> None:
    digests = set()
    for number, (mask, zone) in enumerate(
        [(0o000, "UTC"), (0o077, "Asia/Tokyo"), (0o027, "XYZ+9")]
    ):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "source").write_bytes(b"source")
        os.utime(folder / "source", (number, number))
        environment = {"PYTHONPATH": str(ROOT), "TZ": zone, "PYTHONHASHSEED": str(number)}
        argv = [sys.executable, "-c", BUILD, str(folder)]
        done = subprocess.run(
            argv, env=environment, umask=mask, capture_output=True, text=True, check=True
        )
        digests.add(done.stdout)
    assert len(digests) == 1


@pytest.mark.parametrize(
    "path",
    ["/etc/passwd", "../x", "a/../b", "a//b", "a/", "", ".", "a/./b", "a\nb", "a\0b", "a\ud800b"],
)
def test_refuses_a_path_that_is_not_one_name_below_the_root(layout: Layout, path: str) -> None:
    with pytest.raises(EntryError) as caught:
        write_layer(layout, [Entry(path, b"")])
    assert path == caught.value.path


def test_refuses_a_name_that_has_two_spellings(layout: Layout) -> None:
    with pytest.raises(EntryError, match="normal form C"):
        write_layer(layout, [Entry("u\N{COMBINING DIAERESIS}", b"")])


@pytest.mark.parametrize("mode", [0o4755, 0o2755, 0o1755, 0o666, 0o777, 0o602])
def test_refuses_a_mode_that_gives_rights_away(layout: Layout, mode: int) -> None:
    with pytest.raises(EntryError):
        write_layer(layout, [Entry("x", b"", mode)])
    with pytest.raises(EntryError):
        write_layer(layout, [directory("x", mode)])


@pytest.mark.parametrize("owner", [{"uid": 10001}, {"gid": 10001}, {"uid": 10001, "gid": 10001}])
def test_refuses_a_file_that_the_application_could_overwrite(
    layout: Layout, owner: dict[str, int]
) -> None:
    for entry in (Entry("x", b"", **owner), Entry("x", None, 0o777, link="y", **owner)):
        with pytest.raises(EntryError, match="belongs to somebody else than root"):
            write_layer(layout, [entry])
    write_layer(layout, [directory("x", **owner)])


def test_a_layer_can_hold_files_directories_and_symbolic_links_only() -> None:
    """No device, pipe or hard link: there is no way to say one (`x` is the record of a name)."""
    assert {"0", "2", "5", "x"} == {kind.value.decode() for kind in ustar.Kind}


def test_only_the_directory_tmp_may_be_scratch_space(layout: Layout) -> None:
    write_layer(layout, [directory("tmp", 0o1777)])
    for entry in (Entry("tmp", b"", 0o1777), directory("a/tmp", 0o1777), directory("tmp", 0o777)):
        with pytest.raises(EntryError):
            write_layer(layout, [entry])


def test_refuses_a_directory_that_nobody_can_enter(layout: Layout) -> None:
    with pytest.raises(EntryError, match="cannot be entered"):
        write_layer(layout, [Entry("d", None)])


def test_refuses_two_entries_with_one_path(layout: Layout) -> None:
    with pytest.raises(EntryError, match="twice"):
        write_layer(layout, [Entry("x", b"1"), Entry("x", b"1")])


@pytest.mark.parametrize("above", [Entry("a", b""), symlink("a", "b")])
def test_refuses_a_file_that_is_also_a_parent(layout: Layout, above: Entry) -> None:
    for entries in ([above, Entry("a/b/c", b"")], [Entry("a/b/c", b""), above]):
        with pytest.raises(EntryError, match="no directory"):
            write_layer(layout, entries)


@pytest.mark.parametrize("target", ["", "../../x", "../..", "a\0b"])
def test_refuses_a_link_out_of_the_image(layout: Layout, target: str) -> None:
    with pytest.raises(EntryError, match="link"):
        write_layer(layout, [symlink("a/b", target)])


def test_refuses_a_link_with_content(layout: Layout) -> None:
    with pytest.raises(EntryError, match="content and a link"):
        write_layer(layout, [Entry("a", b"x", link="b")])


def test_a_refused_layer_leaves_nothing_behind(layout: Layout, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_layer(layout, [Entry("a", b"x"), Entry("b", tmp_path / "missing")])
    assert list((layout.root / "blobs" / "sha256").iterdir()) == []


def test_refuses_a_file_that_grows_or_shrinks_while_it_is_read(layout: Layout) -> None:
    """A file of procfs says that it has no bytes, and then has some."""
    with pytest.raises(XtaskError, match="changed while"):
        write_layer(layout, [Entry("x", Path("/proc/version"))])
