"""The catalogue of diagnostic codes; a code never changes its meaning and is never used again."""

from __future__ import annotations

from importlib.resources import files
from typing import NamedTuple

import tomli

from xtask.errors import UsageError


class Explanation(NamedTuple):
    """What a code means: a title, and a text with an example and the way out."""

    code: str
    title: str
    text: str


def catalogue() -> dict[str, Explanation]:
    """Return all explanations by code."""
    text = files("xtask.diagnostics").joinpath("codes.toml").read_text("utf-8")
    return {
        code: Explanation(code, entry["title"], entry["text"].strip())
        for code, entry in tomli.loads(text).items()
    }


def explain(code: str) -> Explanation:
    """Return the explanation of a code.

    Raises:
        UsageError: there is no such code.
    """
    known = catalogue()
    if code.upper() not in known:
        from xtask.diagnostics import did_you_mean  # noqa: PLC0415 - only errors need it

        near = did_you_mean(code.upper(), known)
        raise UsageError(f"there is no code `{code}`", help=near or "codes look like XT0301")
    return known[code.upper()]
