"""Private keys: Ed25519, one PEM file each, in a folder that nobody else can look into.

A file is named by the id of its key: the SHA-256 of the raw public key. Beside it lies the public
key, for programs such as cosign.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from typing import TYPE_CHECKING

from xtask.errors import UntrustedError, UsageError
from xtask.files import fsync

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from securesystemslib.signer import CryptoSigner

_FOLDER, _PRIVATE = 0o700, 0o600
_OTHERS = 0o077
_MAX_SIZE = 4096
_NAME = re.compile(r"(?P<id>[0-9a-f]{64})\.pem")


def key_id(public: bytes) -> str:
    """Return the id of a raw public key: two ids are never one key."""
    return hashlib.sha256(public).hexdigest()


def new_key() -> CryptoSigner:
    """Return a new key, from the system's randomness, kept nowhere yet."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415 - start-up
        Ed25519PrivateKey,
    )

    return _signer(Ed25519PrivateKey.generate())


def raw_public(signer: CryptoSigner) -> bytes:
    """Return the 32 bytes of the signer's public key (RFC 8032)."""
    return bytes.fromhex(signer.public_key.keyval["public"])


def make_folder(folder: Path) -> None:
    """Make the folder of keys, for its owner only and ignored by git.

    Raises:
        UntrustedError: it is there, and others may look into it.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        folder.mkdir(_FOLDER)
    except FileExistsError:
        _require_private_folder(folder)
        return
    folder.chmod(_FOLDER)
    (folder / ".gitignore").write_text("*\n", encoding="ascii")


def write_key(folder: Path, signer: CryptoSigner) -> Path:
    """Write a private key and its public key into the folder of keys; return the private one.

    Raises:
        UntrustedError: others may look into the folder.
    """
    make_folder(folder)
    path = folder / f"{signer.public_key.keyid}.pem"
    _write(path, signer.private_bytes, _PRIVATE)
    _write(path.with_suffix(".pub"), _public_pem(signer), 0o644)
    fsync(folder)
    return path


def remove_key(folder: Path, identity: str) -> None:
    """Remove a private key; its public key stays."""
    (folder / f"{identity}.pem").unlink(missing_ok=True)
    fsync(folder)


def private_ids(folder: Path) -> tuple[str, ...]:
    """Return the ids of the private keys that are here, sorted.

    Raises:
        UsageError: what is there is no folder.
        UntrustedError: others may look into the folder.
    """
    if not folder.is_dir():
        if os.path.lexists(folder):
            raise _no_folder(folder)
        return ()
    found = sorted(
        match["id"] for path in folder.iterdir() if (match := _NAME.fullmatch(path.name))
    )
    if found:
        _require_private_folder(folder)
    return tuple(found)


def read_keys(folder: Path, ids: Iterable[str]) -> tuple[CryptoSigner, ...]:
    """Return those of the private keys that are here, by id.

    Raises:
        UntrustedError: others may read one or look into the folder, or a file is not its key.
    """
    here = private_ids(folder)
    return tuple(_read(folder, identity) for identity in sorted(set(ids)) if identity in here)


def _read(folder: Path, identity: str) -> CryptoSigner:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415 - start-up
        Ed25519PrivateKey,
    )
    from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415
        load_pem_private_key,
    )

    path = folder / f"{identity}.pem"
    data = _private_bytes(path)
    try:
        key = load_pem_private_key(data, password=None)
    except (ValueError, TypeError) as error:
        raise UntrustedError(f"{path} is not a private key in PEM, without a password") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise UntrustedError(f"{path} is not an Ed25519 key")
    signer = _signer(key)
    if signer.public_key.keyid != identity:
        raise UntrustedError(f"{path} holds another key than its name says")
    return signer


def _private_bytes(path: Path) -> bytes:
    """Return the content of a file that only its owner, who we are, can read."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise UntrustedError(f"cannot read the key {path}: {error.strerror}") from error
    with os.fdopen(descriptor, "rb") as stream:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise UntrustedError(f"{path} is not a plain file")
        _require_private(path, status, "0600")
        return stream.read(_MAX_SIZE)


def _require_private_folder(folder: Path) -> None:
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode):
        raise _no_folder(folder)
    _require_private(folder, status, "0700")


def _no_folder(folder: Path) -> UsageError:
    return UsageError(f"{folder} is not a folder", help="XTASK_KEYS names the folder of keys")


def _require_private(path: Path, status: os.stat_result, wanted: str) -> None:
    mode = stat.S_IMODE(status.st_mode)
    if mode & _OTHERS:
        raise UntrustedError(
            f"others may use {path}: its mode is {mode:04o}, and has to be {wanted}",
            help=f"chmod it first: chmod {wanted} {path}; if somebody may have read a key, "
            "then take new ones: `xtask keys rotate`, and `xtask keys revoke` the old",
        )
    if status.st_uid != os.geteuid():
        raise UntrustedError(f"{path} belongs to somebody else")


def _signer(key: object) -> CryptoSigner:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415 - start-up
        Ed25519PrivateKey,
    )
    from securesystemslib.signer import CryptoSigner, SSlibKey  # noqa: PLC0415

    if not isinstance(key, Ed25519PrivateKey):
        raise TypeError(key)
    public = key.public_key().public_bytes_raw()
    shown = SSlibKey(key_id(public), "ed25519", "ed25519", {"public": public.hex()})
    return CryptoSigner(key, shown)


def _public_pem(signer: CryptoSigner) -> bytes:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415 - start-up
        Ed25519PublicKey,
    )
    from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415
        Encoding,
        PublicFormat,
    )

    key = Ed25519PublicKey.from_public_bytes(raw_public(signer))
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def _write(path: Path, data: bytes, mode: int) -> None:
    """Write a new file, with its mode from the first moment on."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(path, flags, mode)
    with os.fdopen(descriptor, "wb") as stream:
        os.fchmod(descriptor, mode)
        stream.write(data)
        stream.flush()
        os.fsync(descriptor)
