"""How environments stand: what the records say beside what was seen, and where the two differ."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from xtask.errors import XtaskError
from xtask.pipeline.releasing.candidate import bundle_of, facts_of
from xtask.pipeline.releasing.configuration import changes, take
from xtask.pipeline.releasing.environment import rules_of
from xtask.records.store import open_records
from xtask.release.target import target

if TYPE_CHECKING:
    from collections.abc import Iterator

    from xtask.pipeline.releasing.candidate import Bundle
    from xtask.pipeline.releasing.configuration import Change
    from xtask.records.situations import Waiting
    from xtask.records.store import Records
    from xtask.records.values import Hold, Release
    from xtask.release.deployment import Observed
    from xtask.settings import Settings, Workspace

_RECORD = "record"


class Standing(NamedTuple):
    """What the records say of an environment, and what was seen there (None: nothing of ours).

    `drift` says where these differ, one line each; nothing that serves has none. `unapplied` is
    what `modules.toml` gives otherwise than what serves has it.
    """

    environment: str
    active: Release | None
    in_flight: Release | None
    waiting: tuple[Waiting, ...]
    hold: Hold | None
    observed: Observed | None
    drift: tuple[str, ...]
    unapplied: tuple[Change, ...]


def standings(settings: Settings) -> list[Standing]:
    """Return how every recorded environment stands, by rank."""
    with open_records(settings.database_url, create=False) as records:
        return [
            Standing(
                *situation,
                *_look(settings.workspace, records, situation.active),
                _unapplied(settings.workspace, records, situation.active),
            )
            for situation in records.situations()
        ]


def drift(active: Release, bundle: Bundle, seen: Observed | None) -> Iterator[str]:
    """Yield each fact that is not what the records say.

    Args:
        active: what should serve.
        bundle: what its image is.
        seen: what was seen there.
    """
    if seen is None:
        yield "nothing answers, and the engine has nothing of it"
        return
    if seen.label is None or seen.task_digest is None:
        yield "the engine cannot be asked"
    else:
        if seen.label != active.id:
            yield f"the engine serves {seen.label or 'nothing of ours'}"
        if not seen.task_digest:
            yield "no task runs"
        elif seen.task_digest not in {bundle.image_digest, bundle.config_digest}:
            yield f"the task has image {seen.task_digest[:19]}"
    if wrong := endpoint_drift(active, bundle, seen):
        yield wrong


def endpoint_drift(active: Release, bundle: Bundle, seen: Observed | None) -> str | None:
    """Return what is wrong with what answers, whatever the engine says; None when nothing is."""
    if seen is None:
        return "nothing answers"
    if not seen.release_id:
        return f"the endpoint: {seen.detail}"
    if (seen.release_id, seen.image_digest) != (active.id, bundle.image_digest):
        return f"the endpoint is {seen.release_id}, image {seen.image_digest[:19]}"
    return None if seen.healthy else f"the endpoint is not well: {seen.detail}"


def _look(
    workspace: Workspace, records: Records, active: Release | None
) -> tuple[Observed | None, tuple[str, ...]]:
    if active is None or active.target == _RECORD:
        return None, ()
    try:
        bundle = bundle_of(workspace, records, active)
    except XtaskError as error:
        return None, (error.message,)
    seen = target(active.target).observe(bundle.site(active), bundle.requests)
    return seen, tuple(drift(active, bundle, seen))


def _unapplied(
    workspace: Workspace, records: Records, active: Release | None
) -> tuple[Change, ...]:
    """Return what deploying what serves once more would change of what it is given."""
    if active is None or active.target == _RECORD:
        return ()
    try:
        rules = rules_of(workspace, active.environment)
        if rules.target != active.target:
            return ()
        now = take(rules, facts_of(workspace, records.build(active.build_id)))
        return changes(records.configuration(active), now)
    except XtaskError:
        return ()  # of a file that cannot be read, `validate-manifest` tells
