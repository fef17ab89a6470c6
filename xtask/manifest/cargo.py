"""Version requirements as Cargo reads them (doc.rust-lang.org/cargo, "Version Requirements").

    requirement = comparator { "," comparator }
    comparator  = [ "^" | "~" | "=" | ">" | ">=" | "<" | "<=" ] version | "*"

They are turned into ranges that mean the same here (docs/manifest.md, "Version ranges").
"""

from __future__ import annotations

import re

_MAX_LENGTH = 256
_NUMBER = r"(?:0|[1-9][0-9]{0,17})"
_LABELS = r"[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*"
_COMPARATOR = re.compile(
    rf"\s*(?P<operator>\^|~|=|>=|<=|>|<|)\s*(?P<version>{_NUMBER}"
    rf"(?:\.{_NUMBER}(?:\.{_NUMBER}(?:-{_LABELS})?(?:\+{_LABELS})?)?)?)"
    r"(?P<wild>(?:\.[*xX]){0,2})\s*",
    re.ASCII,
)


def requirement(text: str, bare: str = "^") -> str | None:
    """Return a Cargo requirement as a range, None when it is none.

    Args:
        text: the requirement; `*` takes every version.
        bare: what a version without an operator means: in Cargo `^`, and `1.2.*` means `~1.2`.
    """
    if len(text) > _MAX_LENGTH:
        return None
    if text.strip() == "*":
        return "*"
    found = [_COMPARATOR.fullmatch(part) for part in text.split(",")]
    if any(match is None or _is_too_long(match) for match in found):
        return None
    return ", ".join(
        (match["operator"] or ("~" if match["wild"] else bare)) + match["version"]
        for match in found
        if match
    )


def _is_too_long(match: re.Match[str]) -> bool:
    """Return whether a wildcard stands for a fourth number, or for one of a prerelease."""
    numbers = re.split("[-+]", match["version"])
    more = len(numbers) > 1 and bool(match["wild"])
    return more or numbers[0].count(".") + match["wild"].count(".") > 2  # noqa: PLR2004 - numbers
