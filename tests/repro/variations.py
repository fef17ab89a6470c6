"""What must not matter to a build: factors, their values, and which to try together."""

from __future__ import annotations

from itertools import combinations, cycle
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

ROWS = 8


class Factor(NamedTuple):
    """Something that differs between machines; the first value is the usual one.

    `needs` names what a machine has to have before it can be varied there.
    """

    name: str
    values: tuple[str, ...]
    needs: str = ""


FACTORS = (
    Factor("path", ("w", "a b/deeper/ü", "x" * 100)),
    Factor("home", ("own", "new")),
    Factor("user", ("root", "somebody")),
    Factor("uid", ("own", "12345"), "unshare"),
    Factor("umask", ("022", "077", "002")),
    Factor("zone", ("GMT+12", "GMT-14")),
    Factor("locale", ("C.UTF-8", "C", "tr_TR.UTF-8")),
    Factor("clock", ("now", "+398d", "@1979-06-01 00:00:00", "@2107-06-01 00:00:00"), "faketime"),
    Factor("host name", ("own", "elsewhere"), "unshare"),
    Factor("domain name", ("own", "example.org"), "unshare"),
    Factor("noise", ("none", "variables")),
    Factor("program path", ("own", "foreign prefix")),
    Factor("directory order", ("sorted", "reversed", "shuffled")),
    Factor("file times", ("now", "1970", "2099")),
    Factor("file modes", ("0644", "0600", "0664")),
    Factor("processors", ("all", "1")),
    Factor("address space", ("random", "fixed"), "setarch"),
    Factor("hash seed", ("0", "1", "4294967295")),
    Factor("file system", ("disk", "memory"), "tmpfs"),
    Factor("repository", ("none", "git")),
    Factor("cache", ("warm", "cold")),
    Factor("composition", ("as written", "other order, comments")),
    Factor("kernel", ("own", "2.6"), "setarch"),
    Factor("builds at once", ("1", "2")),
    Factor("network", ("there", "none"), "unshare"),
)
"""25 of the 26: the minor version of Python has a test and a base of its own."""

USUAL = {factor.name: factor.values[0] for factor in FACTORS}


def covering(factors: Sequence[Factor]) -> list[dict[str, str]]:
    """Return 8 variations in which every two factors meet in all four ways, usual or not.

    A covering array of strength 2: each factor is usual in row 0 and in three others, and no two
    of up to 35 factors in the same ones (Kleitman and Spencer, 1973).
    """
    usual = list(combinations(range(1, ROWS), 3))
    if len(factors) > len(usual):
        raise ValueError(f"8 rows cover {len(usual)} factors, not {len(factors)}")
    rows: list[dict[str, str]] = [{} for _ in range(ROWS)]
    for factor, kept in zip(factors, usual, strict=False):
        others = cycle(factor.values[1:])
        for number, row in enumerate(rows):
            row[factor.name] = factor.values[0] if number in {0, *kept} else next(others)
    return rows


def at_random(factors: Sequence[Factor], random: Random) -> dict[str, str]:
    """Return a variation with each value equally likely."""
    return {factor.name: random.choice(factor.values) for factor in factors}
