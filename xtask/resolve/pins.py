"""What a lock pins of modules that come from a registry."""

from __future__ import annotations

import re
from typing import NamedTuple

from xtask.manifest import grammar

_WORD = "registry"
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


class Pin(NamedTuple):
    """One version of a module of a registry, its path there, and the digest of its content.

    The digest is that of the module's files, or of the ZIP that an address offers.
    """

    registry: str
    module: str
    version: str
    path: str
    digest: str

    def __str__(self) -> str:
        return " ".join((_WORD, *self))


def parse_pin(text: str) -> Pin | None:
    """Return what a lock says of a module's source as a pin, None when it is none."""
    word, *parts = text.split(" ")
    if word != _WORD or len(parts) != len(Pin._fields):
        return None
    pin = Pin(*parts)
    fits = (
        grammar.VERSION.matches(pin.version)
        and grammar.FILE.matches(pin.path)
        and _DIGEST.fullmatch(pin.digest)
    )
    return pin if fits else None
