"""Which release this process is: what observers compare with what they asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Release:
    """The identity of the running product; null where nobody said, as in development."""

    app: str
    release_id: str | None
    manifest_hash: str | None
    image_digest: str | None


def read_release(app: str, environ: Mapping[str, str]) -> Release:
    """Return the identity that the target passed in."""
    return Release(
        app=app,
        release_id=environ.get("XTASK_RELEASE_ID") or None,
        manifest_hash=environ.get("XTASK_MANIFEST_HASH") or None,
        image_digest=environ.get("XTASK_IMAGE_DIGEST") or None,
    )
