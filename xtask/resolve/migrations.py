"""What lies between the databases of two builds, and what that means for going back.

The three classes: with `none` both builds have the same migrations; with `additive` those that only
one of them has create tables, indexes and columns that the other one does not need; anything else
is `maintenance`, after which the code of before may not work any more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from xtask.manifest.environments import MigrationClass

    Surfaces = Mapping[str, Mapping[str, Any]]


class Migration(NamedTuple):
    """A migration that only one of two builds has, or that they have in two ways."""

    module: str
    path: str
    additive: bool

    @property
    def migration_class(self) -> MigrationClass:
        """What it does to the database."""
        return "additive" if self.additive else "maintenance"


class Distance(NamedTuple):
    """What is between two builds."""

    steps: tuple[Migration, ...]

    @property
    def migration_class(self) -> MigrationClass:
        """The class of them all."""
        if not self.steps:
            return "none"
        return "additive" if all(step.additive for step in self.steps) else "maintenance"

    @property
    def deciding(self) -> str:
        """The step that makes the class what it is, in words; nothing without steps."""
        steps = [step for step in self.steps if not step.additive] or [*self.steps]
        more = f" and {len(steps) - 1} more" if len(steps) > 1 else ""
        return f"`{steps[0].path}` of `{steps[0].module}`{more}" if steps else ""


def distance(before: Surfaces, after: Surfaces, order: Sequence[str] = ()) -> Distance:
    """Return what is between two builds, for the way there as for the way back.

    Of a module that both have, it is each migration that one of them lacks or has with another
    content; of one that only the later build has, it is all of them. What a module that is gone
    did to the database stays there and is in nobody's way.

    Args:
        before: what code and files of each module promise, by its name, of the earlier build.
        after: that of the later one.
        order: its modules as their migrations run; without it they are sorted by name.
    """
    position = {name: number for number, name in enumerate(order)}
    steps = _steps(before, after)
    return Distance(tuple(sorted(steps, key=lambda step: (position.get(step.module, 0), step))))


def _steps(before: Surfaces, after: Surfaces) -> Iterator[Migration]:
    for module in after:
        old, new = _migrations(before.get(module)), _migrations(after[module])
        for path in old.keys() | new.keys():
            one, other = old.get(path), new.get(path)
            if one and other and one["content"] != other["content"]:
                yield Migration(module, path, additive=False)
            elif not (one and other):
                yield Migration(module, path, bool((one or other or {}).get("additive")))


def _migrations(surface: Mapping[str, Any] | None) -> dict[str, Mapping[str, Any]]:
    return {step["up"]: step for step in (surface or {}).get("migrations", ())}
