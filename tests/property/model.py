"""The model of an environment, and what every history begins with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.records.conftest import Shop

if TYPE_CHECKING:
    from collections.abc import Callable

    from xtask.records.store import Records
    from xtask.records.values import Release

PLACES = ("staging", "prod")
NAMES = ("a", "b", "c")


@dataclass
class Place:
    """The model of one environment, and the target that runs what it serves.

    `served` is what rollbacks walk back through, `left` what they went away from and nobody has
    promoted since.
    """

    served: list[str] = field(default_factory=list)
    left: set[str] = field(default_factory=set)
    generation: int = 0
    hold: int = 0
    holds: int = 0
    flying: str | None = None
    process: Release | None = None
    runs: str | None = None

    @property
    def behind(self) -> list[str]:
        """What a rollback leaves in `served`; nothing when it cannot go anywhere."""
        rest = self.served[:-1]
        while rest and rest[-1] in self.left | {self.served[-1]}:
            rest.pop()
        return rest

    def activate(self, release: Release) -> None:
        if release.kind == "promote":
            self.served.append(release.build_id)
            self.left.discard(release.build_id)
        elif release.kind == "rollback":
            self.left.add(self.served[-1])
            self.served = self.behind
            self.be_held()
        self.land()

    def be_held(self) -> None:
        """Hold it, unless it is held; each hold has a number."""
        if not self.hold:
            self.holds += 1
            self.hold = self.holds

    def land(self) -> None:
        self.flying = self.process = None


class Ground:
    """Records that are the same at the beginning of every history: three builds, two places."""

    def __init__(self, records: Records, empty: Callable[[], None]) -> None:
        self.records = records
        self._empty = empty

    def reset(self) -> None:
        """Forget everything that happened."""
        self.records.close()
        self._empty()


def fill(records: Records) -> None:
    """Write what every history begins with."""
    for rank, name in enumerate(PLACES):
        records.ensure_environment(name, rank)
    for name in NAMES:
        Shop(records).built(name)
