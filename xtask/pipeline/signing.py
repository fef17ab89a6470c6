"""Who signs what is built here."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from xtask.errors import UsageError
from xtask.image.evidence import keys
from xtask.image.evidence.trust import BUILD, LOCAL_BUILDER, TRUST
from xtask.pipeline.trusting import trusted

if TYPE_CHECKING:
    from datetime import datetime

    from securesystemslib.signer import CryptoSigner

    from xtask.diagnostics import Diagnostic
    from xtask.settings import Settings


class Signing(NamedTuple):
    """Whoever signs what is built here, as which builder."""

    signers: tuple[CryptoSigner, ...]
    builder: str


def signing(settings: Settings, now: datetime) -> Signing:
    """Return who signs builds here; nobody when there is no key.

    Raises:
        UsageError: the folder that the environment names is not there, or there are keys for it,
            and none that is trusted and has time left.
        UntrustedError: others may read a key, or the trust file is damaged.
    """
    if settings.keys != settings.workspace.keys and not settings.keys.is_dir():
        raise UsageError(
            f"there is no folder {settings.keys}, which XTASK_KEYS names",
            help="`xtask keys init` makes it with new keys; without XTASK_KEYS the keys are those "
            f"in {settings.workspace.keys}",
        )
    here = keys.private_ids(settings.keys)
    if not here:
        return Signing((), LOCAL_BUILDER)
    signed = trusted(settings.workspace)
    if signed is None:
        raise UsageError(
            f"there are keys in {settings.keys}, and no file says that they are trusted",
            help="take that file over: `xtask keys trust FILE`; or make keys: `xtask keys init`",
        )
    if set(here) <= signed.trust.of_role(TRUST).keys() - signed.trust.of_role(BUILD).keys():
        return Signing((), LOCAL_BUILDER)
    ours = [key for key in signed.trust.of_role(BUILD).values() if key.id in here]
    good = [key for key in ours if not key.is_expired(now)]
    if not good:
        reason = f"key {ours[0].id[:16]} has expired" if ours else "none of them is trusted"
        raise UsageError(
            f"the keys in {settings.keys} cannot sign this build: {reason}",
            help="take a new one with `xtask keys rotate`, or build without keys: "
            "XTASK_KEYS=FOLDER with an empty folder",
        )
    builders = sorted({key.builder for key in good})
    if len(builders) > 1:
        raise UsageError(f"the keys in {settings.keys} are of two builders: {', '.join(builders)}")
    return Signing(keys.read_keys(settings.keys, [key.id for key in good]), builders[0])


def unsigned(settings: Settings) -> tuple[Diagnostic, ...]:
    """Return a warning when a build is not signed, though keys that sign builds are trusted."""
    from xtask.diagnostics import Place, Problems, Source  # noqa: PLC0415 - start-up

    workspace, problems = settings.workspace, Problems()
    if workspace.trust.exists():
        problems.warn(
            "XT0408",
            "this build is not signed: keys that sign builds are trusted here, and none of them is "
            f"in {settings.keys}",
            Place(Source(str(workspace.trust.relative_to(workspace.root)))),
            help="let XTASK_KEYS name the folder of keys and sign it with `xtask keys sign`; until "
            "then `xtask verify` refuses it",
        )
    return problems.warnings
