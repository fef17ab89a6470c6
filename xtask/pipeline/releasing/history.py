"""What was released, when and why: one release with all that happened, and who brought a module."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from xtask.errors import UsageError
from xtask.records.store import open_records

if TYPE_CHECKING:
    from xtask.records.store import Records
    from xtask.records.values import Approval, BuildModule, Event, Release
    from xtask.settings import Settings


class Told(NamedTuple):
    """A release, what it was given, who agreed with it, what happened to it, first to last."""

    release: Release
    approvals: tuple[Approval, ...]
    events: tuple[Event, ...]
    given: dict[str, Any] | None


class Brought(NamedTuple):
    """A module as an environment serves it, and the release since which it is like that."""

    module: BuildModule
    release: Release


def tell(settings: Settings, what: str) -> Told:
    """Return one release with all that is recorded of it.

    Raises:
        RefusedError: the id, or its beginning, names none or several.
    """
    with open_records(settings.database_url, create=False) as records:
        release = records.find_release(what)
        events = records.events_of("release", release.id)
        given = records.configuration(release)
        return Told(release, records.approvals(release.id), events, given)


def brought(settings: Settings, module: str, environment: str | None) -> list[Brought]:
    """Return which release brought a module at its present version and sources, by environment.

    Raises:
        UsageError: no environment serves it.
    """
    with open_records(settings.database_url, create=False) as records:
        names = [environment] if environment else records.environment_names()
        found = [_brought(records, module, name) for name in names]
    serving = [one for one in found if one]
    if not serving:
        where = f"`{environment}` does not serve" if environment else "no environment serves"
        raise UsageError(f"{where} a module `{module}`", help="`xtask status` shows what serves")
    return serving


def _brought(records: Records, module: str, environment: str) -> Brought | None:
    release = records.active_release(environment)
    if release is None:
        return None
    modules = {one.id: one for one in records.build(release.build_id).modules}
    if module not in modules:
        return None
    while not _changes(release, module) and release.previous_release_id:
        release = records.release(release.previous_release_id)
    return Brought(modules[module], release)


def _changes(release: Release, module: str) -> bool:
    return module in release.modules_delta.added or module in release.modules_delta.changed
