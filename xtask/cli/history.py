"""Looking at what serves and what has served: `releases`, `status`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from xtask.cli import released
from xtask.cli.command import LIMIT, Command, option
from xtask.cli.output import table
from xtask.digest import hex_of
from xtask.records.refusals import way_out

if TYPE_CHECKING:
    from xtask.cli.command import Context
    from xtask.pipeline.releasing.history import Brought, Told
    from xtask.pipeline.releasing.standing import Standing
    from xtask.records.situations import Waiting
    from xtask.records.values import Approval, Release


def releases(
    context: Context, *, release: str | None, env: str | None, module: str | None, limit: int
) -> None:
    """List the latest releases, or show one with its events, or who brought a module."""
    from xtask.pipeline.releasing import history  # noqa: PLC0415 - start-up

    if release:
        told = history.tell(context.settings, release)
        context.output.result(_told(told), _story(told))
        return
    if module:
        found = history.brought(context.settings, module, env)
        context.output.result([_brought(one) for one in found], _bringers(found))
        return
    _list(context, env, limit)


def _list(context: Context, env: str | None, limit: int) -> None:
    from xtask.records.store import open_records  # noqa: PLC0415 - start-up

    with open_records(context.settings.database_url, create=False) as records:
        records.wanted_environments(env)
        found = [
            (release, records.approvals(release.id) if release.approvals_needed else ())
            for release in records.releases(env, limit)
        ]
    document = [
        released.document(release) | {"approvals": released.approvals(given)}
        for release, given in found
    ]
    text = "\n".join(_listed(release, given) for release, given in found)
    context.output.result(document, text or "no releases yet")


def _listed(release: Release, given: tuple[Approval, ...]) -> str:
    says = f"{release.environment}: {release.kind} by {release.actor}, {release.status}"
    head = released.lines([(release.id, says)], width=len(release.id) + 2)
    return f"{head}\n" + released.lines(
        [
            ("why", release.reason),
            ("modules", released.delta(release.modules_delta)),
            ("agreed", released.agreed(given)),
            ("freeze", release.passed_freeze and f"passed {release.passed_freeze}"),
            ("forced", released.forced(release)),
            ("error", release.error),
        ],
        indent=2,
    )


def _told(told: Told) -> dict[str, Any]:
    keys = ("seq", "at", "from_status", "to_status", "actor", "detail")
    events = [{key: getattr(event, key) for key in keys} for event in told.events]
    found = {"approvals": released.approvals(told.approvals), "events": events}
    return released.document(told.release) | found | {"given": told.given}


def _story(told: Told) -> str:
    from xtask.pipeline.releasing.configuration import changes  # noqa: PLC0415 - start-up

    release = told.release
    head = [
        ("release", f"{release.id} ({release.status})"),
        ("kind", release.kind),
        ("in", _place(release)),
        ("build", release.build_id),
        ("manifest", release.manifest_hash),
        ("image", release.image_digest),
        ("before", release.previous_release_id),
        ("restores", release.restores_release_id),
        ("by", release.actor),
        ("why", release.reason),
        ("modules", released.delta(release.modules_delta)),
        ("database", release.migration_class),
        ("given", told.given and released.given(changes(None, told.given))),
        ("plan", release.plan_digest),
        ("agreed", released.agreed(told.approvals)),
        ("freeze", release.passed_freeze and f"passed {release.passed_freeze}"),
        ("forced", released.forced(release)),
        ("error", release.error),
    ]
    rows = [[event.at[:19], event.to_status, event.actor] for event in told.events]
    return released.lines(head) + "\n\n" + table(rows, ["AT", "BECAME", "BY"])


def _place(release: Release) -> str:
    begun = f", generation {release.generation}" if release.generation else ""
    return f"{release.environment}, {release.target}{begun}"


def _brought(found: Brought) -> dict[str, Any]:
    return {"module": found.module._asdict(), "release": released.document(found.release)}


def _bringers(found: list[Brought]) -> str:
    return "\n".join(
        released.lines(
            [
                (release.environment, f"{module.id} {module.version}, {module.source_digest[:19]}"),
                ("", f"since {str(release.activated_at)[:16]}: {release.id}"),
                ("", f"{release.kind} by {release.actor}: {release.reason}"),
            ]
        )
        for module, release in found
    )


def status(context: Context) -> None:
    """Show four facts of each environment side by side, and where they differ."""
    from xtask.pipeline.releasing.standing import standings  # noqa: PLC0415 - start-up

    found = standings(context.settings)
    text = "\n".join(_stands(standing) for standing in found) or "no environments yet"
    context.output.result([_standing(standing) for standing in found], text)


def _stands(standing: Standing) -> str:
    active, seen = standing.active, standing.observed
    rows: list[tuple[str, object]] = []
    if active:
        rows += [("records", f"{active.id}, generation {active.generation}")]
    if active and seen:
        task = f"image {hex_of(seen.task_digest)[:12]}" if seen.task_digest else "none runs"
        asked = seen.label is not None
        rows += [
            ("engine", (seen.label or "nothing of ours") if asked else "cannot be asked"),
            ("task", task if asked else None),
            ("endpoint", f"{seen.release_id} {seen.detail}".strip()),
        ]
    rows += [("drift", line) for line in standing.drift]
    rows += [("help", "`xtask redeploy` replaces what has drifted")] if standing.drift else []
    if standing.unapplied:
        rows += [
            ("given", f"modules.toml has {released.given(standing.unapplied)}"),
            ("help", "`xtask redeploy` applies it"),
        ]
    if left := standing.in_flight:
        rows += [("in flight", f"{left.id} ({left.status})"), ("error", left.error)]
    if left and left.status == "recovery_required":
        rows += [("help", way_out(left))]
    if standing.hold:
        rows += [("held", released.hold_text(standing.hold))]
    rows += [("pending", _waits(waiting)) for waiting in standing.waiting]
    head = released.lines([(standing.environment, _seen(standing))])
    return "\n".join([head, *([released.lines(rows, indent=2, width=10)] if rows else [])])


def _waits(waiting: Waiting) -> str:
    release, given = waiting
    says = f"{release.id} has {len(given)} of {release.approvals_needed} approvals"
    return f"{says}; {release.actor}: {release.reason}"


def _seen(standing: Standing) -> str:
    if standing.active is None:
        return "nothing"
    if standing.active.target == "record":
        return "(recorded only)"
    if not standing.drift:
        return "serving"
    if standing.observed is None:
        return "nothing answers"
    return "drift"


def _standing(standing: Standing) -> dict[str, Any]:
    return {
        "environment": standing.environment,
        "active": released.document(standing.active) if standing.active else None,
        "in_flight": released.document(standing.in_flight) if standing.in_flight else None,
        "pending": [
            released.document(release) | {"approvals": released.approvals(given)}
            for release, given in standing.waiting
        ],
        "hold": released.hold_document(standing.hold) if standing.hold else None,
        "observed": asdict(standing.observed) if standing.observed else None,
        "drift": list(standing.drift),
        "unapplied": [change._asdict() for change in standing.unapplied],
        "seen": _seen(standing),
    }


COMMANDS = {
    "releases": Command(
        "list the latest releases, or show one",
        releases,
        (
            option("release", nargs="?", metavar="RELEASE", help="show this one and its events"),
            option("--env", metavar="ENV", help="only of this environment"),
            option("--module", metavar="NAME", help="which release brought a module as it is now"),
            LIMIT,
        ),
    ),
    "status": Command("show what is active beside what is seen there", status),
}
