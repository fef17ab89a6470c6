"""Target `record`: nothing runs here; the records alone say which release is active.

For a product that something else deploys from the records: a pulling deployer, an air-gapped site.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from xtask.release.deployment import Deployment, Failed, Observed, Request, Site
    from xtask.release.target import Capability

name: Final = "record"
capabilities: Final[frozenset[Capability]] = frozenset()


def plan(_deployment: Deployment, /) -> tuple[str, ...]:
    """Return nothing: nothing would be done."""
    return ()


def apply(_deployment: Deployment, /, *, undoing: Failed | None = None) -> None:
    """Run nothing."""
    del undoing


def switch(_deployment: Deployment, /, *, undoing: Failed | None = None) -> None:
    """Send no traffic, `undoing` or not: the pointer is the record itself."""
    del undoing


def observe(_site: Site, /, requests: tuple[Request, ...] = ()) -> Observed | None:
    """Return `None`: nothing of ours answers, so nothing can disagree with the records."""
    del requests
    return None


def remove(_site: Site, /, keep: frozenset[str]) -> None:
    """Remove nothing, whatever `keep` says."""
    del keep
