"""What a verb is: a summary, rows of options, and a function of plain values."""

from __future__ import annotations

from argparse import ArgumentTypeError
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from xtask.cli.output import Output
    from xtask.settings import Settings


class Option(NamedTuple):
    """One row of a verb's options: its names, and what argparse is told about it."""

    names: tuple[str, ...]
    how: dict[str, Any]


def option(*names: str, **how: Any) -> Option:  # noqa: ANN401 - argparse's own keywords
    """Return one row of options."""
    return Option(names, how)


def at_most(limit: int, *, least: int = 1) -> Callable[[str], int]:
    """Return a type of option: a whole number from `least` to the limit."""

    def number(text: str) -> int:
        if not (text.isascii() and text.isdigit() and least <= int(text[:12]) <= limit):
            raise ArgumentTypeError(f"{text[:20]} is not a whole number from {least} to {limit}")
        return int(text)

    return number


@dataclass(frozen=True, slots=True)
class Context:
    """What every verb gets: the settings of this run, and where to say things."""

    settings: Settings
    output: Output


@dataclass(frozen=True, slots=True)
class Command:
    """One verb; `run` takes the context and its options by name."""

    summary: str
    run: Callable[..., None]
    options: tuple[Option, ...] = ()


MAX_DAYS = 36_500
LIMIT = option(
    "--limit", type=at_most(10_000), default=20, metavar="N", help="how many (default: 20)"
)
