"""What was kept of a build, altered by somebody."""

from __future__ import annotations

import io
import json
import tarfile
from typing import TYPE_CHECKING, Any

import pytest

from xtask.digest import hex_of, sha256
from xtask.errors import UntrustedError
from xtask.package.sources import SourceFile, source_digest, source_files
from xtask.pipeline.building import inputs, inventory
from xtask.settings import Workspace

if TYPE_CHECKING:
    from pathlib import Path

FILES = {"module.toml": (b"a", False), "src/run.sh": (b"#!", True), "src/\u00fc.txt": (b"", False)}
WHEEL = {"a-1-py3-none-any.whl": "sha256:" + "0" * 64}
DOCUMENT: dict[str, Any] = {
    "schema": 1,
    "composition": "sha256:" + "1" * 64,
    "lock": "sha256:" + "2" * 64,
    "wheels": {"linux/amd64": WHEEL},
    "build_wheels": {},
    "modules": {"a": {"shown": "modules/a", "sources": "sha256:" + "3" * 64}},
}


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "w")


def pack(root: Path, workspace: Workspace) -> str:
    """Keep a module with the usual files; return its digest."""
    for name, (data, is_executable) in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
        (root / name).chmod(0o700 if is_executable else 0o600)
    files = source_files(root)
    digest = source_digest(files)
    inputs._pack(inventory.module_path(workspace, digest), root, files)
    return digest


def keep(workspace: Workspace, member: tarfile.TarInfo, data: bytes = b"") -> str:
    """Keep an archive of one member under the digest that it would have as a file."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        member.size = len(data) if member.isreg() else 0
        archive.addfile(member, io.BytesIO(data))
    digest = source_digest((SourceFile(member.name, executable=False, digest=sha256(data)),))
    path = inventory.module_path(workspace, digest)
    path.parent.mkdir(parents=True)
    path.write_bytes(stream.getvalue())
    return digest


@pytest.mark.parametrize("backwards", [False, True])
def test_files_come_back_as_they_were_hashed(
    workspace: Workspace, tmp_path: Path, *, backwards: bool
) -> None:
    digest = pack(tmp_path / "module", workspace)
    inventory.unpack(workspace, digest, tmp_path / "again", backwards=backwards, time=7)
    files = source_files(tmp_path / "again")
    assert source_digest(files) == digest
    assert {file.path: file.executable for file in files} == {
        name: is_executable for name, (_, is_executable) in FILES.items()
    }
    assert (tmp_path / "again/module.toml").stat().st_mtime == 7


def test_one_digest_has_one_archive(workspace: Workspace, tmp_path: Path) -> None:
    first = inventory.module_path(workspace, pack(tmp_path / "1", workspace)).read_bytes()
    other = Workspace(tmp_path / "other")
    assert inventory.module_path(other, pack(tmp_path / "2", other)).read_bytes() == first


def test_refuses_an_archive_in_which_any_byte_that_counts_was_changed(
    workspace: Workspace, tmp_path: Path
) -> None:
    path = inventory.module_path(workspace, digest := pack(tmp_path / "module", workspace))
    for old, new in ((b"module.toml", b"module.tomi"), (b"0000755", b"0000644"), (b"#!", b"!!")):
        data = path.read_bytes()
        assert data.count(old) == 1
        path.write_bytes(data.replace(old, new))
        with pytest.raises(UntrustedError, match="does not have the bytes of its name"):
            inventory.unpack(workspace, digest, tmp_path / f"again {new!r}")
        path.write_bytes(data)


@pytest.mark.parametrize("name", ["../out", "/out", "a/../../out", "a//b", "."])
def test_refuses_a_path_that_leads_elsewhere(
    workspace: Workspace, tmp_path: Path, name: str
) -> None:
    digest = keep(workspace, tarfile.TarInfo(name), b"x")
    with pytest.raises(UntrustedError):
        inventory.unpack(workspace, digest, tmp_path / "again" / "deep")
    assert not [path for path in tmp_path.rglob("*") if path.name == "out"]


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE])
def test_refuses_what_is_no_file(workspace: Workspace, tmp_path: Path, kind: bytes) -> None:
    member = tarfile.TarInfo("a")
    member.type, member.linkname = kind, "/etc/passwd"
    digest = keep(workspace, member)
    with pytest.raises(UntrustedError):
        inventory.unpack(workspace, digest, tmp_path / "again")


@pytest.mark.parametrize("data", [b"", b"no tar", b"\0" * 1024])
def test_refuses_what_is_no_archive(workspace: Workspace, tmp_path: Path, data: bytes) -> None:
    digest = "sha256:" + "0" * 64
    path = inventory.module_path(workspace, digest)
    path.parent.mkdir(parents=True)
    path.write_bytes(data)
    with pytest.raises(UntrustedError):
        inventory.unpack(workspace, digest, tmp_path / "again")


def test_says_what_has_to_be_there(workspace: Workspace) -> None:
    found = inventory.paths(DOCUMENT, workspace)
    assert sorted(found) == [
        "modules.lock", "modules.toml", "the files of `a`", "the wheel a-1-py3-none-any.whl",
    ]  # fmt: skip
    assert found["the files of `a`"] == workspace.inputs / "modules" / f"{'3' * 64}.tar"
    assert found["modules.toml"] == workspace.inputs / "blobs" / hex_of(DOCUMENT["composition"])


@pytest.mark.parametrize(
    "change",
    [
        {"composition": "sha256:../../../etc/passwd"},
        {"composition": 7},
        {"lock": "sha256:" + "G" * 64},
        {"wheels": {"linux/amd64": {"../../a.whl": "sha256:" + "0" * 64}}},
        {"wheels": {"linux/amd64": {"a.tar.gz": "sha256:" + "0" * 64}}},
        {"wheels": []},
        {"build_wheels": None},
        {"modules": {"a": {"sources": "sha256:" + "3" * 64}}},
        {"modules": {"a": {"shown": "x/..", "manifest": "sha256:" + "3" * 64}}},
        {"modules": {"a": {"shown": "x"}}},
        {"modules": ["a"]},
    ],
    ids=str,
)
def test_refuses_a_document_that_was_not_written_here(
    workspace: Workspace, change: dict[str, Any]
) -> None:
    with pytest.raises(UntrustedError, match=r"inputs\.json in the bundle"):
        inventory.paths(DOCUMENT | change, workspace)


def test_nothing_is_complete_of_which_a_part_is_gone(workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "inputs.json").write_text(json.dumps(DOCUMENT))
    needed = inventory.paths(DOCUMENT, workspace).values()
    for path in needed:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert set(needed) < set(inventory.complete(tmp_path, workspace))
    for path in needed:
        path.unlink()
        assert inventory.complete(tmp_path, workspace) == []
        path.touch()
    (tmp_path / "inputs.json").write_text("{}")
    assert inventory.complete(tmp_path, workspace) == []
