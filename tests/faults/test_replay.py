"""A trace is read as what it did, and a loss of power takes what no fsync has made sure of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.faults.calls import points
from tests.faults.disk import Call, Disk, File, read_disk
from tests.faults.replay import unsure
from tests.faults.tracing import calls

if TYPE_CHECKING:
    from pathlib import Path


def escaped(text: object) -> str:
    return "".join(f"\\x{byte:02x}" for byte in str(text).encode())


def trace_of_an_atomic_write(root: Path) -> str:
    folder, new, old = (escaped(path) for path in (root, root / "new", root / "old"))
    return "\n".join((
        f'7 openat(AT_FDCWD<{folder}>, "{escaped("new")}", O_WRONLY|O_CREAT) = 3<{new}>',
        f'7 write(3<{new}>, "{escaped("da")}", 2) = 2',
        f'7 write(3<{new}>, "{escaped("ta")}", 2 <unfinished ...>',
        f'8 openat(AT_FDCWD<{folder}>, "{escaped("gone")}", O_RDONLY) = -1 ENOENT (No such file)',
        "7 <... write resumed>) = 2",
        f"7 fsync(3<{new}>) = 0",
        f'7 rename("{new}", "{old}") = 0',
        f"7 fsync(3<{folder}>) = 0",
    ))  # fmt: skip


def atomic_write(root: Path) -> list[Call]:
    (root / "old").write_bytes(b"before")
    return calls(trace_of_an_atomic_write(root), root, read_disk(root))


def test_a_trace_does_again_what_it_did(tmp_path: Path) -> None:
    found = atomic_write(tmp_path)
    assert [call.does for call in found] == ["create", "write", "write", "sync", "rename", "sync"]
    disk = read_disk(tmp_path)
    for call in found:
        disk = disk.after(call)
    disk.write(tmp_path / "again", tmp_path)
    assert {path: file.read for path, file in disk.files.items()} == {"old": b"data"}
    assert (tmp_path / "again" / "old").read_bytes() == b"data"


def test_a_write_is_unsure_until_its_file_is_synced_and_a_name_until_its_folder_is(
    tmp_path: Path,
) -> None:
    found = atomic_write(tmp_path)
    assert [unsure(found, number) for number in (1, 2, 4)] == [3, 3, 5]
    assert unsure([call for call in found if call.does != "sync"], 1) == 4


def test_half_of_a_write_leaves_a_hole_and_no_more() -> None:
    disk = Disk({"x": File(1, b"....")})
    after = disk.after(Call("write", "x", b"ab", 6)).after(Call("truncate", "x", offset=7))
    assert after.files["x"].read == b"....\0\0a"


def test_each_call_that_changes_a_workspace_is_one_point(tmp_path: Path) -> None:
    text = "\n".join((
        f'7 openat(AT_FDCWD</>, "{tmp_path}/a", O_RDONLY) = 3',
        f'7 openat(AT_FDCWD</>, "{tmp_path}/a", O_WRONLY|O_CREAT, 0666) = 3',
        f'7 write(3<{tmp_path}/a>, "x", 1) = 1',
        f'8 write(3<{tmp_path}/a>, "x", 1) = 1',
        '7 write(2</elsewhere>, "x", 1) = 1',
        f"7 fsync(3<{tmp_path}/a>) = 0",
    ))  # fmt: skip
    found = points(text, tmp_path)
    assert [(one.name, one.number) for one in found] == [("openat", 2), ("write", 1), ("fsync", 1)]
    assert "inject=fsync:signal=KILL:when=1" in found[2].killed()
    persistent = found[2].failed("EIO", persists=True)
    assert {"inject=fsync:error=EIO:when=1+", "inject=write:error=EIO:when=3+"} <= {*persistent}
