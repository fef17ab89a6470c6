"""What a verb is: a summary, rows of options, and a function of plain values."""

from __future__ import annotations

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
