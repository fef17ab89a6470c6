"""The stories of the trust file: made with new keys, shown, changed key by key, or taken over."""

from __future__ import annotations

import errno
import os
import re
import stat
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from xtask.errors import UntrustedError, UsageError
from xtask.files import locked, write_atomic
from xtask.image.evidence import keys
from xtask.image.evidence.trust import (
    BUILD,
    LOCAL_BUILDER,
    MAX_SIZE,
    TRUST,
    SignedTrust,
    Trust,
    TrustedKey,
    moment,
    read_trust,
    require_current,
    require_successor,
    sign_trust,
)

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from securesystemslib.signer import CryptoSigner

    from xtask.settings import Settings, Workspace

BUILD_DAYS, TRUST_DAYS = 365, 5 * 365
# RFC 3986: a scheme, and behind it what a URI may have; with `//`, somebody has to be there.
_URI = re.compile(
    r"[A-Za-z][A-Za-z0-9+.-]*:(?!//(?:[/?#:]|$))[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]+"
)
_USERINFO = re.compile(r"[^/?#]*://[^/?#]*@")


class Listed(NamedTuple):
    """A trusted key; `is_here` says that its private half is in the folder of keys."""

    key: TrustedKey
    is_here: bool
    is_expired: bool


class Holders(NamedTuple):
    """How many keys of each role there are to be, and how many of them have to sign."""

    number: int
    threshold: int


ONE_HOLDER = Holders(1, 1)


def trusted(workspace: Workspace) -> SignedTrust | None:
    """Return the trust file of the workspace, None when there is none.

    Raises:
        UntrustedError: it is not signed by its own keys.
    """
    return read_trust_file(workspace.trust) if workspace.trust.exists() else None


def read_trust_file(path: Path) -> SignedTrust:
    """Return a trust file.

    Raises:
        UsageError: it cannot be read.
        UntrustedError: it is not signed by its own keys.
    """
    try:
        data = _read_file(path)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error
    if len(data) > MAX_SIZE:
        raise UsageError(f"{path} has more than {MAX_SIZE >> 20} MiB: is this the trust file?")
    return read_trust(data)


def _read_file(path: Path) -> bytes:
    """Return the file's start; nothing is waited for, because a pipe would never end."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as stream:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "it is not a file")
        return stream.read(MAX_SIZE + 1)


def init(
    settings: Settings,
    now: datetime,
    *,
    holders: Holders = ONE_HOLDER,
    days: int = BUILD_DAYS,
    builder: str = LOCAL_BUILDER,
) -> SignedTrust:
    """Make keys that sign builds, keys that sign the trust file, and its first version.

    Raises:
        UsageError: there is a trust file already, or the builder is no absolute URI.
        UntrustedError: others may look into the folder of keys.
    """
    _require_builder_id(builder)
    if holders.threshold > holders.number:
        raise UsageError(f"{holders.threshold} signatures of {holders.number} keys cannot be")
    workspace = settings.workspace
    with locked(workspace.releases / ".keys.lock"):
        if workspace.trust.exists():
            raise UsageError(
                f"{workspace.trust} is there already", help="replace keys with `xtask keys rotate`"
            )
        of_builds = [keys.new_key() for _ in range(holders.number)]
        of_trust = [keys.new_key() for _ in range(holders.number)]
        listed = [_entry(key, BUILD, now, days, builder) for key in of_builds]
        listed += [_entry(key, TRUST, now, max(days, TRUST_DAYS)) for key in of_trust]
        threshold = {BUILD: holders.threshold, TRUST: holders.threshold}
        trust = Trust(1, threshold, tuple(sorted(listed)))
        for key in (*of_builds, *of_trust):
            keys.write_key(settings.keys, key)
        signed = sign_trust(trust, [*of_builds, *of_trust])
        write_atomic(workspace.trust, signed.file())
    return signed


def listed(settings: Settings, now: datetime) -> tuple[Listed, ...]:
    """Return the trusted keys, by role and id."""
    signed, here = trusted(settings.workspace), keys.private_ids(settings.keys)
    found = signed.trust.keys if signed else ()
    return tuple(
        Listed(key, key.id in here, key.is_expired(now))
        for key in sorted(found, key=lambda key: (key.roles, key.id))
    )


def rotate(
    settings: Settings, now: datetime, *, role: str, key: str = "", days: int | None = None
) -> SignedTrust:
    """Put a new key in the place of one whose private half is here.

    What an old build key has signed stays good until that key ends or is revoked. Where several
    signatures are asked for it goes at once: the old key and the new one would count as two.

    Args:
        settings: where the keys are.
        now: the time.
        role: `build` or `trust`.
        key: the beginning of the id of the key to replace, where there are several.
        days: how long the new one lasts.

    Raises:
        UsageError: there is no such key here, or too few keys to sign the new version.
    """
    workspace = settings.workspace
    with locked(workspace.releases / ".keys.lock"):
        old = _require_trusted(workspace).trust
        gone = _the_one(old, role, key, keys.private_ids(settings.keys))
        made = keys.new_key()
        lasts = days or (BUILD_DAYS if role == BUILD else TRUST_DAYS)
        stays = role == BUILD and old.threshold[BUILD] == 1
        kept = [one for one in old.keys if one.id != gone.id or stays]
        entry = _entry(made, role, now, lasts, gone.builder)
        signed = _next(settings, old, [*kept, entry], made)
        keys.write_key(settings.keys, made)
        write_atomic(workspace.trust, signed.file())
        keys.remove_key(settings.keys, gone.id)
    return signed


def revoke(settings: Settings, *, key: str) -> SignedTrust:
    """Believe a key no longer; all that it has signed has to be signed again.

    Args:
        settings: where the keys are.
        key: the beginning of its id.

    Raises:
        UsageError: there is no such key, it is needed, or too few keys can sign the new version.
    """
    workspace = settings.workspace
    with locked(workspace.releases / ".keys.lock"):
        old = _require_trusted(workspace).trust
        gone = [one for one in old.keys if key and one.id.startswith(key)]
        if len(gone) != 1:
            raise UsageError(
                f"{len(gone) or 'no'} trusted keys have an id that begins with {key!r}",
                help="`xtask keys list` shows them",
            )
        signed = _next(settings, old, [one for one in old.keys if one != gone[0]])
        write_atomic(workspace.trust, signed.file())
        keys.remove_key(settings.keys, gone[0].id)
    return signed


def adopt(settings: Settings, file: Path, now: datetime) -> SignedTrust:
    """Believe the keys of a trust file from elsewhere, from now on.

    Raises:
        UntrustedError: it is older than the one here, or not signed by those whom that one trusts.
    """
    workspace, new = settings.workspace, read_trust_file(file)
    with locked(workspace.releases / ".keys.lock"):
        old = trusted(workspace)
        if old is not None:
            require_successor(old.trust, new)
        require_current(new.trust, now)
        write_atomic(workspace.trust, new.file())
    return new


def _require_builder_id(builder: str) -> None:
    """Refuse what is no absolute URI; it is in every provenance, for everybody to read."""
    if _USERINFO.match(builder):
        raise UsageError(
            "--builder has a user or a password in it, which everybody would read",
            help="name who builds without them: `https://ci.example/shop`",
        )
    if not _URI.fullmatch(builder):
        raise UsageError(
            f"--builder takes an absolute URI, and {builder[:100]!r} is none",
            help=f"such as `https://ci.example/shop`, or `{LOCAL_BUILDER}` (RFC 3986)",
        )


def _next(
    settings: Settings, old: Trust, listed: list[TrustedKey], *made: CryptoSigner
) -> SignedTrust:
    """Return the version after the old one, signed by the trust keys that are here and new keys."""
    new = replace(old, version=old.version + 1, keys=tuple(sorted(listed)))
    signed = sign_trust(new, [*keys.read_keys(settings.keys, old.of_role(TRUST)), *made])
    try:
        require_successor(old, signed)
        return read_trust(signed.file())
    except UntrustedError as error:
        raise UsageError(
            f"the new trust file would not be believed: {error.message}",
            help=f"put the private keys of the role `trust` into {settings.keys} for this; "
            "a key that is needed is replaced with `xtask keys rotate`",
        ) from error


def _require_trusted(workspace: Workspace) -> SignedTrust:
    signed = trusted(workspace)
    if signed is None:
        raise UsageError("there are no keys here", help="make them with `xtask keys init`")
    return signed


def _the_one(trust: Trust, role: str, prefix: str, here: tuple[str, ...]) -> TrustedKey:
    """Return the key of a role that is meant, and whose private half is here."""
    found = [
        key for key in trust.of_role(role).values() if key.id in here and key.id.startswith(prefix)
    ]
    if len(found) != 1:
        said = "no key" if not found else f"{len(found)} keys"
        raise UsageError(
            f"{said} of the role `{role}` {'is' if not found else 'are'} here"
            + (f" with an id that begins with {prefix}" if prefix else ""),
            help="`xtask keys list` shows them; --key ID says which one",
        )
    return found[0]


def _entry(
    signer: CryptoSigner, role: str, now: datetime, days: int, builder: str = ""
) -> TrustedKey:
    public = keys.raw_public(signer)
    end = moment(now + timedelta(days=days))
    return TrustedKey(keys.key_id(public), public, (role,), end, builder if role == BUILD else "")
