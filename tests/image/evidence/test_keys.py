from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.support.attested import seeded
from xtask.errors import UntrustedError, XtaskError
from xtask.image.evidence import keys

if TYPE_CHECKING:
    from pathlib import Path

KEY = seeded(1)
ID = KEY.public_key.keyid


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    keys.write_key(tmp_path / "keys", KEY)
    return tmp_path / "keys"


def test_a_key_that_was_written_is_read_again(folder: Path) -> None:
    (read,) = keys.read_keys(folder, [ID, "0" * 64])
    assert read.private_bytes == KEY.private_bytes
    assert keys.private_ids(folder) == (ID,)


def test_two_new_keys_are_two_keys() -> None:
    assert keys.new_key().public_key.keyid != keys.new_key().public_key.keyid


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o777 & ~0o700])
def test_nobody_else_can_use_a_new_key_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        path = keys.write_key(tmp_path / "keys", KEY)
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert (path.parent / ".gitignore").read_text() == "*\n"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o601, 0o660, 0o644])
def test_refuses_a_key_that_others_may_use(folder: Path, mode: int) -> None:
    (folder / f"{ID}.pem").chmod(mode)
    with pytest.raises(
        UntrustedError, match=rf"its mode is {mode:04o}, and has to be 0600"
    ) as said:
        keys.read_keys(folder, [ID])
    assert "chmod 0600" in str(said.value.help)


@pytest.mark.parametrize("mode", [0o750, 0o705, 0o711, 0o777])
def test_refuses_a_folder_that_others_may_look_into(folder: Path, mode: int) -> None:
    folder.chmod(mode)
    for use in (lambda: keys.read_keys(folder, [ID]), lambda: keys.write_key(folder, seeded(2))):
        with pytest.raises(UntrustedError, match=rf"its mode is {mode:04o}, and has to be 0700"):
            use()


def test_refuses_a_link_to_a_key(folder: Path, tmp_path: Path) -> None:
    path = folder / f"{ID}.pem"
    path.rename(tmp_path / "elsewhere.pem")
    path.symlink_to(tmp_path / "elsewhere.pem")
    with pytest.raises(UntrustedError, match="cannot read the key"):
        keys.read_keys(folder, [ID])


def test_refuses_a_folder_that_is_a_link(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(folder)
    with pytest.raises(XtaskError, match="is not a folder"):
        keys.read_keys(tmp_path / "link", [ID])


def test_refuses_a_key_that_does_not_end(folder: Path) -> None:
    path = folder / f"{ID}.pem"
    path.unlink()
    os.mkfifo(path, 0o600)
    with pytest.raises(UntrustedError, match="is not a plain file"):
        keys.read_keys(folder, [ID])


def test_refuses_a_file_that_holds_another_key(folder: Path) -> None:
    (folder / f"{ID}.pem").write_bytes(seeded(2).private_bytes)
    with pytest.raises(UntrustedError, match="holds another key than its name says"):
        keys.read_keys(folder, [ID])


def test_refuses_another_kind_of_key(folder: Path) -> None:
    from securesystemslib.signer import CryptoSigner

    (folder / f"{ID}.pem").write_bytes(CryptoSigner.generate_ecdsa().private_bytes)
    with pytest.raises(UntrustedError, match="is not an Ed25519 key"):
        keys.read_keys(folder, [ID])
    (folder / f"{ID}.pem").write_bytes(b"-----BEGIN")
    with pytest.raises(UntrustedError, match="is not a private key"):
        keys.read_keys(folder, [ID])


def test_never_overwrites_a_key(folder: Path) -> None:
    with pytest.raises(FileExistsError):
        keys.write_key(folder, KEY)


def test_openssl_reads_the_public_key(folder: Path) -> None:
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    read = load_pem_public_key((folder / f"{ID}.pub").read_bytes())
    assert read.public_bytes_raw() == keys.raw_public(KEY)  # type: ignore[union-attr]
